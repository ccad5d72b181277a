"""gslb apply: put a configuration in force."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gslb.cli import applying, client
from gslb.cli.changing import change_options, finish
from gslb.cli.commands.check import show_problems, show_warnings, summary
from gslb.cli.history import unless_overtaken
from gslb.config import ConfigErrors, Loaded
from gslb.runtime.addresses import SocketAddress


@click.command()
@click.argument("config", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@change_options
def apply(config: Path, change: applying.Change, wait: bool, admin: tuple[SocketAddress, ...]) -> None:
    """Replace the configuration in force by this one, live, or refuse it as a whole.

    Files that it names (includes, zone files, geo databases) travel with it. Where there are several dns servers one of
    them serves it first; if that one does not do well, what was in force stays, and this command fails.
    """
    loaded = _load(config)
    answer = client.call(
        admin,
        lambda stub: unless_overtaken(
            stub, change.expected_revision, applying.apply(stub, config, loaded, change, _show_progress)
        ),
    )
    if isinstance(answer, applying.Refusal):
        show_problems(config.parent, answer.problems)
        raise SystemExit(1)
    outcome = "would apply" if change.dry_run else "applied already" if answer.unchanged else "applied"
    said = f"{config}: {outcome}, configuration revision {answer.order.config} ({summary(loaded)})"
    finish(admin, answer, said, wait=wait and not change.dry_run)


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
