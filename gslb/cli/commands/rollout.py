"""gslb rollout: where the newest configuration is on its way to the dns servers."""

from __future__ import annotations

import click

from gslb.api.v1 import admin_pb2
from gslb.cli import applying, client, options, screen
from gslb.cli.rollouts import describe
from gslb.runtime.addresses import SocketAddress


@click.group(invoke_without_command=True)
@click.pass_context
@options.admin
@options.as_json
def rollout(context: click.Context, admin: tuple[SocketAddress, ...], as_json: bool) -> None:
    """Show where the newest configuration is on its way to the dns servers, or end its trial.

    \b
    gslb rollout             what it is at
    gslb rollout continue    let all dns servers have it now
    gslb rollout abort       roll it back
    """
    if context.invoked_subcommand is None:
        found = _find(admin)
        if as_json:
            screen.print_json(found)
        else:
            click.echo(describe(found))


@rollout.command("continue")
@click.option("--why", default="", help="The reason, kept in the audit trail.")
@click.option("--who", default=None, help="Who says so (default: you).")
@options.admin
def continue_(why: str, who: str | None, admin: tuple[SocketAddress, ...]) -> None:
    """Let all dns servers have what one of them has, without waiting for the end of its trial."""
    click.echo(describe(_end(admin, release=True, why=why, who=who)))


@rollout.command()
@click.option("--why", default="", help="The reason, kept in the audit trail.")
@click.option("--who", default=None, help="Who says so (default: you).")
@options.admin
def abort(why: str, who: str | None, admin: tuple[SocketAddress, ...]) -> None:
    """Put what was in force before into its place, as a new revision."""
    click.echo(describe(_end(admin, release=False, why=why, who=who)))


def _find(admin: tuple[SocketAddress, ...]) -> admin_pb2.Rollout:
    request = admin_pb2.GetRolloutRequest()
    return client.call(admin, lambda stub: stub.GetRollout(request, timeout=client.CALL_TIMEOUT_S)).rollout


def _end(admin: tuple[SocketAddress, ...], *, release: bool, why: str, who: str | None) -> admin_pb2.Rollout:
    """Of what is the newest now; the coordinator refuses where that is not on trial."""
    request = admin_pb2.EndRolloutRequest(
        revision=_find(admin).revision, release=release, who=who or client.whoami(), why=why
    )
    return client.call(admin, lambda stub: stub.EndRollout(request, timeout=applying.APPLY_TIMEOUT_S)).rollout
