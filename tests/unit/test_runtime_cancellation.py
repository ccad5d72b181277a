"""Supervised parts end when, and only when, they are asked to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gslb.runtime.backoff import Backoff
from gslb.runtime.cancellation import CancelledElsewhere, alone
from gslb.runtime.supervise import keep_running


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Backoff, "delay_s", lambda self: 0.0)


async def started_again(part: Callable[[], Awaitable[None]], times: int) -> int:
    """Run `part` under supervision until it has started so often."""
    starts = 0
    enough = asyncio.Event()

    async def count() -> None:
        nonlocal starts
        starts += 1
        if starts == times:
            enough.set()
        await part()

    await end_after(enough, count)
    return starts


async def end_after(event: asyncio.Event, part: Callable[[], Awaitable[None]]) -> None:
    """Run `part` under supervision until that has happened, then ask it to end, which it does."""
    task = asyncio.create_task(keep_running("part", part))
    async with asyncio.timeout(5):
        await event.wait()
    task.cancel()
    await asyncio.wait([task], timeout=5)
    assert task.cancelled()


async def test_a_part_that_is_cancelled_by_nobody_starts_again() -> None:
    async def part() -> None:
        raise asyncio.CancelledError

    assert await started_again(part, 3) >= 3


async def test_a_part_that_returns_or_fails_starts_again() -> None:
    async def fail() -> None:
        raise RuntimeError

    async def end() -> None:
        return

    assert await started_again(fail, 3) >= 3
    assert await started_again(end, 3) >= 3


async def test_a_part_whose_children_fail_starts_again() -> None:
    """A TaskGroup that waits at its end leaves its task marked as cancelled then (CPython 3.11)."""

    async def child() -> None:
        await asyncio.sleep(0)
        raise RuntimeError

    async def part() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(child())
            group.create_task(asyncio.Event().wait())

    assert await started_again(part, 3) >= 3


async def test_work_that_is_cancelled_elsewhere_is_told_from_being_asked_to_end() -> None:
    async def cancelled() -> None:
        raise asyncio.CancelledError

    with pytest.raises(CancelledElsewhere):
        await alone(cancelled())
    assert await alone(asyncio.sleep(0, "done")) == "done"


async def test_a_part_that_fails_while_it_is_cancelled_ends() -> None:
    """A TaskGroup raises only the failure then (up to CPython 3.12)."""
    failing = asyncio.Event()

    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            failing.set()
            await asyncio.get_running_loop().run_in_executor(None, lambda: None)

    async def part() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(slow())
            await asyncio.sleep(0)
            raise ConnectionError

    await end_after(failing, part)
