"""What the commands that change the configuration share: their options, and what comes after it has been changed."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from gslb.api.v1 import admin_pb2
from gslb.cli import applying, client, options
from gslb.cli.history import REVISION
from gslb.cli.rollouts import conclude, follow
from gslb.runtime.addresses import SocketAddress

Command = Callable[..., None]


def change_options(command: Command) -> Command:
    """Adds what is to be said of a change, passed on together as `change`; and beside it `wait` and `admin`."""

    @click.option("-m", "--message", default="", help="Why, kept in the history.")
    @click.option("--author", default=None, help="Who, kept in the history (default: you).")
    @click.option("--expect", type=REVISION, default=None, help="Refuse unless this revision is in force.")
    @click.option("--dry-run", is_flag=True, help="Let the coordinator say whether it could be done, change nothing.")
    @click.option("--now", is_flag=True, help="To all dns servers at once, without a trial at one of them.")
    @click.option("--wait/--no-wait", default=True, help="Wait for the end of that trial (default).")
    @options.admin
    @wraps(command)
    def with_change(
        *, message: str, author: str | None, expect: int | None, dry_run: bool, now: bool, **others: Any
    ) -> None:
        change = applying.Change(
            author=author or client.whoami(), message=message, expected_revision=expect or 0, dry_run=dry_run, now=now
        )
        command(change=change, **others)

    return with_change


def finish(admin: tuple[SocketAddress, ...], applied: admin_pb2.Applied, outcome: str, *, wait: bool) -> None:
    """Say what came of it, and, if that is wanted, how its trial ends."""
    for warning in applied.warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(outcome)
    if wait:
        revision = applied.order.config
        conclude(client.call(admin, lambda stub: follow(stub, revision)), revision)
