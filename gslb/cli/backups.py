"""What `gslb backup` and `gslb restore` share: a backup in words, and what went wrong as a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gslb.cli.history import size, when
from gslb.core.errors import GslbError

if TYPE_CHECKING:
    from gslb.coordinator.backup.checking import Summary


@contextmanager
def errors_about(file: Path) -> Iterator[None]:
    """A command that cannot do its work ends with its reason."""
    try:
        yield
    except GslbError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or file}: {error.strerror or error}") from None


def describe(summary: Summary) -> str:
    record, parts = summary.in_force, []
    parts.append(f"configuration {record.revision} in force" if record else "no configuration in force")
    for count, noun in (
        (summary.configurations, "configuration"),
        (summary.overrides, "override"),
        (summary.inputs, "large input"),
    ):
        parts.append(f"{count} {noun}{'s' * (count != 1)}")
    lacking = ", ".join(map(str, summary.missing))
    warning = f"; {lacking} cannot be rolled back to, an input was gone already" if lacking else ""
    return f"{', '.join(parts)}, {size(summary.size_bytes)}, taken {when(summary.head.created_unix_s)} UTC{warning}"
