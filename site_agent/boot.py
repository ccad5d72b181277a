"""The boot number: rises with every start of an agent, so that reports of an earlier life lose in the merge."""

from __future__ import annotations

from pathlib import Path

from gslb.runtime.logs import get_logger
from site_agent.saving import save


def next_boot(file: Path | None, wall_unix_ms: int) -> int:
    """Above every earlier one: of the counter in `file` if it can be kept, and of the wall clock where it runs right.

    Either alone would do on a good day; together they outlast a lost folder as well as a clock that steps back.
    Raises OSError when the folder cannot be written: a counter that silently does not count is worse than no start.
    """
    if file is None:
        return wall_unix_ms
    boot = max(_stored(file) + 1, wall_unix_ms)
    save(file, f"{boot}\n")
    return boot


def _stored(file: Path) -> int:
    try:
        return int(file.read_text())
    except FileNotFoundError:
        return 0
    except ValueError:
        get_logger("agent").warning("boot counter is not a number, using the wall clock", file=str(file))
        return 0
