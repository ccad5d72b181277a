"""Who leads, and for how long: what a won election gives, judged by the leader's own monotonic clock.

A leader that was paused cannot know that another one leads by now. So nothing rests on believing it: whatever a leader
writes carries its fence, and the store refuses it once the election's key is not the one that was won.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping

from gslb.runtime.clock import monotonic_s


class Leadership:
    """`key` was created by the commit `revision` and is never written again: every later leader has a higher one.

    `until_s`: of the clock, when to stop acting; moved by whoever keeps the leadership.
    """

    def __init__(
        self, key: str, revision: int, *, until_s: float = math.inf, clock: Callable[[], float] = monotonic_s
    ) -> None:
        self.key = key
        self.revision = revision
        self._until_s = until_s
        self._clock = clock
        self._over = asyncio.Event()

    @property
    def fence(self) -> Mapping[str, int]:
        """To be among the compares of every commit of the leader."""
        return {self.key: self.revision}

    def is_held(self) -> bool:
        return not self._over.is_set() and self._clock() < self._until_s

    @property
    def left_s(self) -> float:
        """How long it is still held without being prolonged."""
        return max(0.0, self._until_s - self._clock()) if not self._over.is_set() else 0.0

    async def over(self) -> None:
        """Return when it is held no more, for whatever reason."""
        await self._over.wait()

    def prolong(self, until_s: float) -> None:
        """Does nothing once it is over, or was for a moment: it does not come back."""
        if self.is_held():
            self._until_s = until_s
        else:
            self.end()

    def end(self) -> None:
        self._over.set()
