"""gslb rollback: apply an earlier configuration again."""

from __future__ import annotations

from pathlib import Path

import click

from gslb.api.v1 import admin_pb2
from gslb.cli import applying, client
from gslb.cli.changing import change_options, finish
from gslb.cli.commands.check import show_problems
from gslb.cli.history import REVISION, unless_overtaken
from gslb.runtime.addresses import SocketAddress


@click.command()
@click.argument("revision", type=REVISION)
@change_options
def rollback(revision: int, change: applying.Change, wait: bool, admin: tuple[SocketAddress, ...]) -> None:
    """Put the contents of an earlier configuration in force again, as a new revision.

    The history goes on and nothing in it is lost; overrides (drains and the like) stay as they are. `gslb history`
    lists what there is to go back to, `gslb diff REVISION` shows what that would undo.
    """
    request = admin_pb2.RollbackRequest(
        revision=revision,
        author=change.author,
        message=change.message,
        expected_revision=change.expected_revision,
        dry_run=change.dry_run,
        now=change.now,
    )
    answer = client.call(
        admin,
        lambda stub: unless_overtaken(
            stub, change.expected_revision, stub.Rollback(request, timeout=applying.APPLY_TIMEOUT_S)
        ),
    )
    if answer.HasField("refused"):
        show_problems(Path(f"revision-{revision}"), applying.load_problems(answer.refused))
        raise SystemExit(1)
    finish(admin, answer.applied, _describe(revision, answer.applied, change), wait=wait and not change.dry_run)


def _describe(revision: int, applied: admin_pb2.Applied, change: applying.Change) -> str:
    after = applied.order.config
    if applied.unchanged:
        return f"revision {revision}: its contents are in force already, as configuration revision {after}"
    outcome = "would be applied again" if change.dry_run else "applied again"
    return f"revision {revision}: {outcome}, as configuration revision {after}"
