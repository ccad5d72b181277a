"""Waiting for something to hold, with a deadline instead of a guess."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

DEADLINE_S = 10.0


async def until(condition: Callable[[], bool]) -> None:
    """Return as soon as it holds. Raises TimeoutError."""

    async def holds() -> bool:
        return condition()

    await eventually(holds)


async def eventually(condition: Callable[[], Awaitable[bool]], within_s: float = DEADLINE_S) -> None:
    """The same for something that must be asked for. Raises TimeoutError."""
    async with asyncio.timeout(within_s):
        while not await condition():  # noqa: ASYNC110 - nobody announces counters or changed answers
            await asyncio.sleep(0.005)
