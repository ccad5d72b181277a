"""The boot number: rises with every start of an agent, so that reports of an earlier life lose in the merge."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from gslb.runtime.clock import monotonic_s
from gslb.runtime.logs import get_logger
from site_agent.saving import save

YOUNG_S = 60.0
MOST = 2**62
"""No clock shows it and no counter gets there: whoever says so is not believed."""


class Boot:
    """The number of this life, which may turn out to be too low: where the counter was lost and the clock is behind.

    Only a young agent begins above what a coordinator knows. For an older one it means that another of its name has
    started since: to that one it yields, else the two would outbid each other for ever. `clock` is monotonic.
    """

    def __init__(self, number: int, file: Path | None, clock: Callable[[], float] = monotonic_s) -> None:
        self.number = number
        self._file = file
        self._clock = clock
        self._accepted_s: float | None = None

    def accept(self) -> None:
        """A coordinator takes this number."""
        if self._accepted_s is None:
            self._accepted_s = self._clock()

    async def begin_above(self, known: int) -> None:
        """As a coordinator has heard a higher one. Raises OSError."""
        is_young = self._accepted_s is None or self._clock() - self._accepted_s < YOUNG_S
        if not (is_young and self.number <= known < MOST):
            return
        self.number = known + 1
        get_logger("agent").warning("boot number was too low, as after a lost folder: raised", boot=self.number)
        if self._file is not None:
            await asyncio.to_thread(save, self._file, f"{self.number}\n")


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
