"""gslb failback: take back members that were down, are up again, and wait for somebody to say so."""

from __future__ import annotations

from collections.abc import Iterable

import click
from rich.table import Table

from gslb.api.v1 import admin_pb2, facts_pb2
from gslb.cli import client, options, screen
from gslb.codec.facts import dump_scope
from gslb.core.directives import Scope, ScopeKind
from gslb.runtime.addresses import SocketAddress


@click.command()
@click.argument("names", nargs=-1, metavar="[POOL[/MEMBER]]...")
@click.option("--why", default="", help="The reason, for the audit trail.")
@click.option("--who", default=None, help="Who says so (default: you).")
@options.admin
@options.as_json
def failback(
    names: tuple[str, ...], why: str, who: str | None, admin: tuple[SocketAddress, ...], as_json: bool
) -> None:
    """Take back, at once and wholly, members that wait for it (`failback: {mode: manual}`) or ramp up.

    Without a name: show them. Whoever is still down stays noted.

    \b
    gslb failback
    gslb failback web-us --why "disk replaced"
    gslb failback web-us/us1 web-eu/eu2
    """
    if not names:
        _show_waiting(admin, as_json)
        return
    request = admin_pb2.FailbackRequest(scopes=map(_scope, names), who=who or client.whoami(), why=why)
    answer = client.call(admin, lambda stub: stub.Failback(request, timeout=client.CALL_TIMEOUT_S))
    if as_json:
        screen.print_json(answer)
        return
    screen.console().print(_table(answer.released))
    click.echo(f"{len(answer.released)} taken back, directive revision {answer.order.directive}")


def _show_waiting(admin: tuple[SocketAddress, ...], as_json: bool) -> None:
    request = admin_pb2.GetStatusRequest()
    status = client.call(admin, lambda stub: stub.GetStatus(request, timeout=client.CALL_TIMEOUT_S))
    waiting = [member.latch for pool in status.pools for member in pool.members if member.back]
    if as_json:
        screen.print_json(facts_pb2.Directives(revision=status.order.directive, latches=waiting))
    elif waiting:
        screen.console().print(_table(waiting))
    else:
        click.echo("nothing waits for failback")


def _scope(name: str) -> facts_pb2.Scope:
    return dump_scope(Scope(ScopeKind.MEMBER if "/" in name else ScopeKind.POOL, name))


def _table(latches: Iterable[facts_pb2.Latch]) -> Table:
    made = screen.table("pool", "member", "monitor", "type", "down since", "up since")
    for latch in latches:
        up = screen.utc(latch.up_unix_s) if latch.up_unix_s else "now"
        made.add_row(latch.pool, latch.member, latch.monitor, latch.family, screen.utc(latch.down_unix_s), up)
    return made
