"""gslb check: is this configuration right?"""

from __future__ import annotations

import json
from pathlib import Path

import click

from gslb.cli import options, screen
from gslb.config import ConfigErrors, DiskSource, Loaded, Problem, load


@click.command()
@click.argument("config", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@options.as_json
def check(config: Path, as_json: bool) -> None:
    """Check a configuration file and everything it names, without applying it.

    Reports every problem at once as file:line:column. Exit status 1 when there is one.
    """
    try:
        loaded = load(DiskSource(config.parent), config.name)
    except ConfigErrors as errors:
        show_problems(config.parent, errors.problems, as_json=as_json)
        raise SystemExit(1) from None
    if as_json:
        click.echo(json.dumps({"problems": [], "warnings": [str(warning) for warning in loaded.warnings]}))
        return
    show_warnings(config.parent, loaded.warnings)
    click.echo(f"{config}: right: {summary(loaded)}")


def show_problems(folder: Path, problems: tuple[Problem, ...], *, as_json: bool = False) -> None:
    """Problems one a line, paths as the user wrote them, and their number."""
    if as_json:
        fields = [{"file": p.file, "line": p.line, "column": p.column, "text": p.text} for p in problems]
        click.echo(json.dumps({"problems": fields}, indent=1))
        return
    out = screen.console(errors=True)
    for problem in problems:
        out.print(f"{folder / problem.file}:{problem.line}:{problem.column}: ", end="", style="bold")
        out.print(problem.text)
    out.print(f"{len(problems)} problem{'s' * (len(problems) != 1)}; nothing was changed", style="red")


def show_warnings(folder: Path, warnings: tuple[Problem, ...]) -> None:
    """Warnings one a line, to standard error."""
    for warning in warnings:
        click.echo(f"{folder / warning.file}:{warning.line}:{warning.column}: warning: {warning.text}", err=True)


def summary(loaded: Loaded) -> str:
    """What it configures, in numbers."""
    model = loaded.model
    parts = (
        (len(model.zones), "zone"),
        (len(model.sites), "site"),
        (len(model.pools), "pool"),
        (sum(len(pool.members) for pool in model.pools), "member"),
        (len(model.services), "service"),
    )
    return ", ".join(f"{count} {noun}{'s' * (count != 1)}" for count, noun in parts)
