"""A sleep until a point of time that may be moved while somebody sleeps."""

from __future__ import annotations

import asyncio

from gslb.runtime.clock import monotonic_ms


class Alarm:
    """One sleeper. Times are monotonic milliseconds."""

    def __init__(self) -> None:
        self._sleeper: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def sleep_until(self, due_ms: int) -> None:
        """Return when it is `due_ms`, or what `ring` has made of it; at once when that is past."""
        self._sleeper = asyncio.get_running_loop().create_future()
        self._set(due_ms)
        try:
            await self._sleeper
        finally:
            self._sleeper = None
            self._clear()

    def ring(self, due_ms: int) -> None:
        """Whoever sleeps now wakes at `due_ms` instead."""
        if self._sleeper is not None:
            self._set(due_ms)

    def _set(self, due_ms: int) -> None:
        self._clear()
        wait_s = (due_ms - monotonic_ms()) / 1000
        self._timer = asyncio.get_running_loop().call_later(max(0.0, wait_s), self._wake)

    def _clear(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wake(self) -> None:
        if self._sleeper is not None and not self._sleeper.done():
            self._sleeper.set_result(None)
