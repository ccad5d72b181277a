"""Waiting for something to hold, with a deadline instead of a guess."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

DEADLINE_S = 10.0


async def until(condition: Callable[[], bool]) -> None:
    """Return as soon as it holds. Raises TimeoutError."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110 - conditions on counters, which nobody announces
            await asyncio.sleep(0.005)
