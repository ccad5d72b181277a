"""Several tries of one thing: who decides, and what becomes of the others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import pytest
from support.waiting import until

from site_agent.race import first_of

NEVER_S = 3600.0


class Tries:
    """Hands out scripted tries in order, and notes what was dropped and cancelled."""

    def __init__(self, *scripts: Callable[[], Coroutine[None, None, str]]) -> None:
        self._scripts = iter(scripts)
        self.started = 0
        self.dropped: list[str] = []
        self.cancelled = 0

    async def attempt(self) -> str:
        self.started += 1
        try:
            return await next(self._scripts)()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    async def run(self, apart_s: float = 0.0) -> str:
        return await first_of(3, apart_s, self.attempt, decides=str.isupper, drop=self.dropped.append)


async def never() -> str:
    return await asyncio.Event().wait() and ""


def says(text: str) -> Callable[[], Coroutine[None, None, str]]:
    async def said() -> str:
        return text

    return said


async def fails() -> str:
    raise ConnectionRefusedError


async def test_the_first_decides_alone_where_it_is_quick() -> None:
    tries = Tries(says("YES"))
    assert await tries.run(NEVER_S) == "YES"
    assert (tries.started, tries.dropped) == (1, [])


async def test_a_try_that_hangs_is_overtaken_and_cancelled() -> None:
    tries = Tries(never, says("YES"))
    assert await tries.run() == "YES"
    assert (tries.started, tries.cancelled) == (2, 1)


async def test_an_exception_decides() -> None:
    tries = Tries(never, fails)
    with pytest.raises(ConnectionRefusedError):
        await tries.run()
    assert tries.cancelled == 1


async def test_without_a_decision_the_first_try_counts_and_the_others_are_dropped() -> None:
    tries = Tries(says("one"), says("two"), says("three"))
    assert await tries.run(NEVER_S) == "one"  # the next begins as soon as one has ended
    assert tries.dropped == ["two", "three"]


async def test_what_comes_at_the_same_time_is_dropped() -> None:
    gate = asyncio.Event()

    async def waits() -> str:
        await gate.wait()
        return "YES"

    async def opens() -> str:
        gate.set()
        return "YES"

    tries = Tries(waits, opens)
    assert await tries.run() == "YES"
    assert (tries.cancelled, tries.dropped) in [(0, ["YES"]), (1, [])]


async def test_whoever_is_cancelled_cancels_all_tries() -> None:
    tries = Tries(never, never, never)
    running = asyncio.create_task(tries.run())
    await until(lambda: tries.started == 3)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert tries.cancelled == 3
