"""Keeps a part running: an unexpected end is logged and followed by a new start, after a back-off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from gslb.runtime.backoff import Backoff
from gslb.runtime.cancellation import alone
from gslb.runtime.clock import monotonic_s
from gslb.runtime.logs import get_logger

STEADY_S = 30.0


def never(_: Exception) -> bool:
    """No error is fatal."""
    return False


async def keep_running(
    name: str, start: Callable[[], Coroutine[object, object, None]], is_fatal: Callable[[Exception], bool] = never
) -> None:
    """Run `start()` again whenever it raises or returns, until cancelled or an error is fatal.

    What ran for 30 s starts over at once.
    """
    log = get_logger("supervisor")
    backoff = Backoff(first_s=0.5)
    while True:
        started = monotonic_s()
        try:
            await alone(start())
            log.error("part ended", name=name)
        except Exception as error:
            if is_fatal(error):
                return
            log.exception("part failed", name=name, error=str(error))
        if monotonic_s() - started > STEADY_S:
            backoff.reset()
        await asyncio.sleep(backoff.delay_s())
