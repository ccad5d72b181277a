"""What strangers can cause at will is logged so many times a second; counters tell the rest."""

from __future__ import annotations

from collections.abc import Callable

MOST_A_SECOND = 10


class Sparing:
    """`clock` is monotonic."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._second = -1
        self._left = 0

    def may(self) -> bool:
        """Whether there is room for one more in this second."""
        second = int(self._clock())
        if second != self._second:
            self._second, self._left = second, MOST_A_SECOND
        self._left -= 1
        return self._left >= 0
