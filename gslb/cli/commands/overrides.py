"""gslb drain, undrain, force-up, force-down, clear: what operators say stands above what agents see."""

from __future__ import annotations

import click

from gslb.api.v1 import admin_pb2, facts_pb2
from gslb.cli import client, options, screen
from gslb.codec.facts import dump_scope
from gslb.core.directives import Scope, ScopeKind
from gslb.runtime.addresses import SocketAddress

_ABOUT = """
    \b
    gslb {name} site us-east --why "power works" --for 2h
    gslb {name} pool web-us
    gslb {name} member web-us/us1
"""

_scope = click.argument("kind", type=click.Choice([kind.value for kind in ScopeKind]))
_name = click.argument("name")
_why = click.option("--why", default="", help="The reason, shown beside it in `gslb status`.")
_who = click.option("--who", default=None, help="Who says so (default: you).")
_for = click.option("--for", "duration_s", type=options.DURATION, default=0, help="End by itself, as in 2h.")


def _setter(name: str, action: facts_pb2.OverrideAction.ValueType, text: str) -> click.Command:
    @click.command(name, help=text + "\n" + _ABOUT.format(name=name))
    @_scope
    @_name
    @_why
    @_who
    @_for
    @options.admin
    def command(
        kind: str, name: str, why: str, who: str | None, duration_s: int, admin: tuple[SocketAddress, ...]
    ) -> None:
        request = admin_pb2.SetOverrideRequest(
            scope=dump_scope(Scope(ScopeKind(kind), name)),
            action=action,
            who=who or client.whoami(),
            why=why,
            duration_s=duration_s,
        )
        answer = client.call(admin, lambda stub: stub.SetOverride(request, timeout=client.CALL_TIMEOUT_S))
        for warning in answer.warnings:
            screen.console(errors=True).print(f"warning: {warning}", style="yellow")
        click.echo(f"{kind} {name}: {past}, directive revision {answer.order.directive}")

    past = {"drain": "draining", "force-up": "forced up", "force-down": "forced down"}[name]
    return command


def _clearer(name: str, text: str) -> click.Command:
    @click.command(name, help=text + "\n" + _ABOUT.format(name=name).replace(' --why "power works" --for 2h', ""))
    @_scope
    @_name
    @_why
    @_who
    @options.admin
    def command(kind: str, name: str, why: str, who: str | None, admin: tuple[SocketAddress, ...]) -> None:
        request = admin_pb2.ClearOverrideRequest(
            scope=dump_scope(Scope(ScopeKind(kind), name)), who=who or client.whoami(), why=why
        )
        answer = client.call(admin, lambda stub: stub.ClearOverride(request, timeout=client.CALL_TIMEOUT_S))
        click.echo(f"{kind} {name}: agents' verdicts count again, directive revision {answer.order.directive}")

    return command


drain = _setter(
    "drain",
    facts_pb2.OVERRIDE_ACTION_DRAIN,
    "Send no new clients there; caches run out within the TTL, open connections stay.",
)
force_down = _setter(
    "force-down", facts_pb2.OVERRIDE_ACTION_FORCE_DOWN, "Take it out of every answer, whatever the agents see."
)
force_up = _setter(
    "force-up", facts_pb2.OVERRIDE_ACTION_FORCE_UP, "Treat it as up, whatever the agents see (a broken monitor, say)."
)
undrain = _clearer("undrain", "End a drain.")
clear = _clearer("clear", "End any override: the agents' verdicts count again.")
