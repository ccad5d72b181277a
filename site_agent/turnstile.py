"""Lets probes in: so many at once, and so many in one turn of the event loop.

The second bound keeps measurements true when an agent has more to do than its core can: probes then start later, which
the schedule lag shows, instead of all at once, when each would wait for all others and time out. It costs nothing while
there is time: a turn with little to do is over in microseconds. Probes that merely wait for a target hold up nobody.
"""

from __future__ import annotations

import asyncio
from collections import deque
from types import TracebackType

MOST_AT_ONCE = 4096
MOST_A_TURN = 8


class Turnstile:
    """Used as `async with turnstile:` around a probe."""

    def __init__(self, at_once: int = MOST_AT_ONCE, a_turn: int = MOST_A_TURN) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._a_turn = a_turn
        self._left = a_turn
        self._queue: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        await self._places.acquire()
        try:
            await self._pass()
        except BaseException:
            self._places.release()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._places.release()

    async def _pass(self) -> None:
        loop = asyncio.get_running_loop()
        if self._left == self._a_turn:
            loop.call_soon(self._next_turn)
        if self._left > 0:
            self._left -= 1
            return
        waiter = loop.create_future()
        self._queue.append(waiter)
        await waiter

    def _next_turn(self) -> None:
        """Room for the next ones: those who wait go first."""
        self._left = self._a_turn
        while self._queue and self._left > 0:
            waiter = self._queue.popleft()
            if not waiter.done():
                waiter.set_result(None)
                self._left -= 1
        if self._left < self._a_turn:
            asyncio.get_running_loop().call_soon(self._next_turn)
