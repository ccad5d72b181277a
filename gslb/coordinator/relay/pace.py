"""How fast an agent may change its mind: one that is stolen, or broken, would otherwise keep everybody deciding."""

from __future__ import annotations

from collections.abc import Callable

A_SECOND = 200.0
"""Registers that are read of one stream. Our agents send a hundred at most, when all they look at fails at once."""
BURST = 1_000
"""That are read at once all the same, as after a coordinator was stopped for a while."""


class Pace:
    """Of one stream. `clock` is monotonic."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._due_s = clock()

    def step(self) -> float:
        """One register more; how many seconds to wait before the next is read."""
        now_s = self._clock()
        self._due_s = max(self._due_s, now_s) + 1 / A_SECOND
        return max(0.0, self._due_s - now_s - BURST / A_SECOND)
