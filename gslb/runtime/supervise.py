"""Keeps a part running: an unexpected end is logged and followed by a new start, after a back-off."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from gslb.runtime.backoff import Backoff
from gslb.runtime.clock import monotonic_s
from gslb.runtime.logs import get_logger

STEADY_S = 30.0


async def keep_running(name: str, start: Callable[[], Awaitable[None]]) -> None:
    """Run `start()` again whenever it raises or returns, until cancelled. What ran for 30 s starts over at once."""
    log = get_logger("supervisor")
    backoff = Backoff(first_s=0.5)
    while True:
        started = monotonic_s()
        try:
            await start()
            log.error("part ended", name=name)
        except Exception as error:
            log.exception("part failed", name=name, error=str(error))
        if monotonic_s() - started > STEADY_S:
            backoff.reset()
        await asyncio.sleep(backoff.delay_s())
