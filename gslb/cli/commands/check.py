"""gslb check: is this configuration right?"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from gslb.cli import options, screen
from gslb.config import ConfigErrors, DiskSource, Loaded, Problem, load
from gslb.config.break_glass import load_break_glass

Content = TypeVar("Content")


@click.command()
@click.argument("config", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--break-glass",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Check this break-glass file (`gslb dns --break-glass`); with CONFIG, also whether what it names is there.",
)
@options.as_json
def check(config: Path | None, break_glass: Path | None, as_json: bool) -> None:
    """Check a configuration file and everything it names, without applying it.

    Reports every problem at once as file:line:column. Exit status 1 when there is one.
    """
    if config is None and break_glass is None:
        raise click.UsageError("name a configuration file, or a break-glass file by --break-glass, or both")
    loaded = None if config is None else _or_exit(config, as_json, lambda: load(DiskSource(config.parent), config.name))
    model = loaded.model if loaded else None
    overrides = None
    if break_glass is not None:
        content = break_glass.read_bytes()
        overrides = _or_exit(break_glass, as_json, lambda: load_break_glass(content, break_glass.name, model))
    warnings = loaded.warnings if loaded else ()
    if as_json:
        click.echo(json.dumps({"problems": [], "warnings": [str(warning) for warning in warnings]}))
        return
    if config is not None and loaded is not None:
        show_warnings(config.parent, warnings)
        click.echo(f"{config}: right: {summary(loaded)}")
    if overrides is not None:
        click.echo(f"{break_glass}: right: {len(overrides)} override{'s' * (len(overrides) != 1)}")


def _or_exit(file: Path, as_json: bool, read: Callable[[], Content]) -> Content:
    """What is read there; the problems shown, and the end, when it is wrong."""
    try:
        return read()
    except ConfigErrors as errors:
        show_problems(file.parent, errors.problems, as_json=as_json)
        raise SystemExit(1) from None


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
