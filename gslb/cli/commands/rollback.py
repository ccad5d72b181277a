"""gslb rollback: apply an earlier configuration again."""

from __future__ import annotations

from pathlib import Path

import click

from gslb.api.v1 import admin_pb2
from gslb.cli import applying, client, options
from gslb.cli.commands.check import show_problems
from gslb.cli.history import REVISION, unless_overtaken
from gslb.cli.rollouts import conclude, follow
from gslb.config import Problem
from gslb.runtime.addresses import SocketAddress


@click.command()
@click.argument("revision", type=REVISION)
@click.option("-m", "--message", default="", help="Why, kept in the history.")
@click.option("--author", default=None, help="Who, kept in the history (default: you).")
@click.option("--expect", type=REVISION, default=None, help="Refuse unless this revision is in force.")
@click.option("--dry-run", is_flag=True, help="Only say whether it could be done.")
@options.now
@options.wait
@options.admin
def rollback(
    revision: int,
    message: str,
    author: str | None,
    expect: int | None,
    dry_run: bool,
    now: bool,
    wait: bool,
    admin: tuple[SocketAddress, ...],
) -> None:
    """Put the contents of an earlier configuration in force again, as a new revision.

    The history goes on and nothing in it is lost; overrides (drains and the like) stay as they are. `gslb history`
    lists what there is to go back to, `gslb diff REVISION` shows what that would undo.
    """
    request = admin_pb2.RollbackRequest(
        revision=revision,
        author=author or client.whoami(),
        message=message,
        expected_revision=expect or 0,
        dry_run=dry_run,
        now=now,
    )
    answer = client.call(
        admin,
        lambda stub: unless_overtaken(stub, expect, stub.Rollback(request, timeout=applying.APPLY_TIMEOUT_S)),
    )
    if answer.HasField("refused"):
        show_problems(
            Path(f"revision-{revision}"),
            tuple(Problem(file=p.file, line=p.line, column=p.column, text=p.text) for p in answer.refused.problems),
        )
        raise SystemExit(1)
    for warning in answer.applied.warnings:
        click.echo(f"warning: {warning}", err=True)
    after = answer.applied.order.config
    if answer.applied.unchanged:
        click.echo(f"revision {revision}: its contents are in force already, as configuration revision {after}")
    else:
        outcome = "would be applied again" if dry_run else "applied again"
        click.echo(f"revision {revision}: {outcome}, as configuration revision {after}")
    if wait and not dry_run:
        conclude(client.call(admin, lambda stub: follow(stub, after)), after)
