"""Holding an election's key for as long as possible: to lead, or only to be listed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from gslb.core.errors import GslbError
from gslb.runtime.backoff import Backoff
from gslb.runtime.logs import get_logger
from gslb.store.base import Store
from gslb.store.leadership import Leadership

Use = Callable[[Leadership], Awaitable[None]]


async def hold(store: Store, election: str, candidate: str, use: Use) -> None:
    """Win the election whenever nobody else has it, and `use` it until it is over; until cancelled."""
    backoff = Backoff(first_s=0.5)
    while True:
        try:
            async with store.campaign(election, candidate) as leadership:
                backoff.reset()
                await _while_held(leadership, use)
        except GslbError as error:
            get_logger("coordinator").warning("an election cannot be held", election=election, reason=str(error))
        await asyncio.sleep(backoff.delay_s())


async def _while_held(leadership: Leadership, use: Use) -> None:
    using = asyncio.ensure_future(use(leadership))
    over = asyncio.ensure_future(leadership.over())
    try:
        await asyncio.wait([using, over], return_when=asyncio.FIRST_COMPLETED)
        if using.done():
            await using
    finally:
        using.cancel()
        over.cancel()
        await asyncio.wait([using, over])
