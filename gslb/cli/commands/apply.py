"""gslb apply: put a configuration in force."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gslb.cli import applying, client, options
from gslb.cli.commands.check import show_problems, show_warnings, summary
from gslb.cli.history import REVISION, unless_overtaken
from gslb.cli.rollouts import conclude, follow
from gslb.config import ConfigErrors, Loaded
from gslb.runtime.addresses import SocketAddress


@click.command()
@click.argument("config", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-m", "--message", default="", help="Why, kept in the history.")
@click.option("--author", default=None, help="Who, kept in the history (default: you).")
@click.option("--expect", type=REVISION, default=None, help="Refuse unless this revision is in force.")
@click.option("--dry-run", is_flag=True, help="Let the coordinator check it, change nothing.")
@options.now
@options.wait
@options.admin
def apply(
    config: Path,
    message: str,
    author: str | None,
    expect: int | None,
    dry_run: bool,
    now: bool,
    wait: bool,
    admin: tuple[SocketAddress, ...],
) -> None:
    """Replace the configuration in force by this one, live, or refuse it as a whole.

    Files that it names (includes, zone files, geo databases) travel with it. Where there are several dns servers one of
    them serves it first; if that one does not do well, what was in force stays, and this command fails.
    """
    loaded = _load(config)
    change = applying.Change(
        author=author or client.whoami(), message=message, expected_revision=expect or 0, dry_run=dry_run, now=now
    )
    answer = client.call(
        admin,
        lambda stub: unless_overtaken(stub, expect, applying.apply(stub, config, loaded, change, _show_progress)),
    )
    if isinstance(answer, applying.Refusal):
        show_problems(config.parent, answer.problems)
        raise SystemExit(1)
    for warning in answer.warnings:
        click.echo(f"warning: {warning}", err=True)
    revision = answer.order.config
    outcome = "would apply" if dry_run else "applied already" if answer.unchanged else "applied"
    click.echo(f"{config}: {outcome}, configuration revision {revision} ({summary(loaded)})")
    if wait and not dry_run:
        conclude(client.call(admin, lambda stub: follow(stub, revision)), revision)


def _load(config: Path) -> Loaded:
    try:
        loaded = applying.read(config)
    except ConfigErrors as errors:
        show_problems(config.parent, errors.problems)
        raise SystemExit(1) from None
    show_warnings(config.parent, loaded.warnings)
    return loaded


def _show_progress(sent: int, total: int) -> None:
    """One line that rewrites itself, for inputs that take a while, on a terminal only."""
    if total > applying.PIECE_BYTES and sys.stderr.isatty():
        end = "\n" if sent == total else ""
        click.echo(f"\rsending {sent / 1e6:.1f} of {total / 1e6:.1f} MB{end}", nl=False, err=True)
