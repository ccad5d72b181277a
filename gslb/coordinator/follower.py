"""Brings to force what the store holds and this coordinator does not know yet.

That is so after a write whose answer was lost, after a start from a member that was behind, and when somebody else has
written. What cannot be read is tried again; until then what is known stays in force.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from gslb.coordinator.admin import overrides
from gslb.coordinator.admin.overrides import Overrides
from gslb.coordinator.configuration import history
from gslb.coordinator.configuration.keeper import Configuration
from gslb.core.errors import StoreUnavailable
from gslb.runtime.backoff import Backoff
from gslb.runtime.logs import get_logger
from gslb.store.base import Store
from gslb.store.following import follow


async def follow_store(store: Store, configuration: Configuration, directives: Overrides) -> None:
    """Until cancelled."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_follow(store, history.CURRENT, configuration.catch_up))
        tasks.create_task(_follow(store, overrides.KEY, directives.restore))


async def _follow(store: Store, key: str, catch_up: Callable[[], Awaitable[None]]) -> None:
    async with aclosing(follow(store, key)) as changes:
        async for _ in changes:
            await _until_done(catch_up)


async def _until_done(catch_up: Callable[[], Awaitable[None]]) -> None:
    backoff = Backoff(most_s=10.0)
    while True:
        try:
            return await catch_up()
        except StoreUnavailable as error:
            get_logger("coordinator").warning("the store cannot be followed now", reason=str(error))
            await asyncio.sleep(backoff.delay_s())
