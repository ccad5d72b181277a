"""How results look: tables with colour on a terminal, plain aligned text elsewhere, JSON when asked."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Iterable

import click
from google.protobuf import json_format
from google.protobuf.message import Message
from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table

from gslb.core.printable import printable

WIDTH_WITHOUT_TERMINAL = 1000
"""Wide enough that nothing is cut off: a table only takes what it needs."""


def console(*, errors: bool = False) -> Console:
    """A console that never wraps what a program may read line by line, and takes text as it is, never as markup."""
    stream = sys.stderr if errors else sys.stdout
    if stream.isatty():
        return _Console(file=stream, highlight=False, markup=False)
    return _Console(
        file=stream, highlight=False, markup=False, no_color=True, width=WIDTH_WITHOUT_TERMINAL, soft_wrap=True
    )


class _Console(Console):
    """What agents and dns servers say of themselves is shown too: it must not steer the terminal of who looks."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable(segment.text, "\n\t"), segment.style)


def table(*columns: str, title: str | None = None) -> Table:
    """A table without frames, readable also where there is no colour. A column named `...>` holds numbers.

    On a narrow terminal text folds, so that nothing is cut off.
    """
    made = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 1, 0, 0),
    )
    for column in columns:
        numbers = column.endswith(">")
        made.add_column(
            column.removesuffix(">"), justify="right" if numbers else "left", no_wrap=numbers, overflow="fold"
        )
    return made


def print_json(message: Message) -> None:
    """The whole answer with the field names of the interface, bytes as base64, zero values included."""
    click.echo(
        json_format.MessageToJson(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    )


def age(milliseconds: int) -> str:
    """`0.4s`, `12s`, `3m`, `5h`, `2d`."""
    seconds = milliseconds / 1000
    for limit, unit, size in ((10, "s", 1), (60, "s", 1), (3600, "m", 60), (86_400, "h", 3600)):
        if seconds < limit:
            return f"{seconds:.1f}s" if limit == 10 else f"{seconds // size:.0f}{unit}"
    return f"{seconds // 86_400:.0f}d"


def utc(unix_s: int) -> str:
    return f"{datetime.datetime.fromtimestamp(unix_s, datetime.UTC):%Y-%m-%d %H:%M:%S} UTC"


def percent(share: int) -> str:
    """A share of 65,536 for people."""
    return f"{share * 100 / 65_536:.3g} %"
