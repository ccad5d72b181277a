"""The boot number: rises with every start of an agent, so that reports of an earlier life lose in the merge."""

from __future__ import annotations

import os
from pathlib import Path

from gslb.runtime.logs import get_logger


def next_boot(file: Path | None, wall_unix_ms: int) -> int:
    """Above every earlier one: of the counter in `file` if it can be kept, and of the wall clock where it runs right.

    Either alone would do on a good day; together they outlast a lost folder as well as a clock that steps back.
    Raises OSError when the folder cannot be written: a counter that silently does not count is worse than no start.
    """
    if file is None:
        return wall_unix_ms
    boot = max(_stored(file) + 1, wall_unix_ms)
    _store(file, boot)
    return boot


def _stored(file: Path) -> int:
    try:
        return int(file.read_text())
    except FileNotFoundError:
        return 0
    except ValueError:
        get_logger("agent").warning("boot counter is not a number, using the wall clock", file=str(file))
        return 0


def _store(file: Path, boot: int) -> None:
    """Whole or not at all, and on the disk when this returns."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(file.name + ".new")
    with fresh.open("w") as stream:
        stream.write(f"{boot}\n")
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
