"""Brings to force what the store holds and this coordinator does not know yet.

That is so after a write whose answer was lost, after a start from a member that was behind, and when somebody else has
written. What cannot be read is tried again; until then what is known stays in force.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from gslb.coordinator.admin import directives
from gslb.coordinator.admin.directives import DirectivesKeeper
from gslb.coordinator.configuration import history
from gslb.coordinator.configuration.keeper import Configuration
from gslb.coordinator.metrics import Metrics
from gslb.core.errors import GslbError, StoreUnavailable
from gslb.runtime.backoff import Backoff
from gslb.runtime.logs import get_logger
from gslb.store.base import Store
from gslb.store.following import follow


class Follower:
    def __init__(self, store: Store, configuration: Configuration, keeper: DirectivesKeeper, metrics: Metrics) -> None:
        self._store = store
        self._configuration = configuration
        self._keeper = keeper
        self._metrics = metrics
        self._unavailable = ""

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(history.CURRENT, self._configuration.catch_up))
            tasks.create_task(self._follow(directives.KEY, self._keeper.restore))

    def troubles(self) -> tuple[str, ...]:
        """What an operator should know of the store and the configuration in it."""
        return tuple(text for text in (self._unavailable, self._configuration.broken) if text)

    async def _follow(self, key: str, catch_up: Callable[[], Awaitable[None]]) -> None:
        async with aclosing(follow(self._store, key, listed=self._listed)) as changes:
            async for _ in changes:
                await _until_done(catch_up)

    def _listed(self, error: StoreUnavailable | None) -> None:
        goes_on = "failover goes on, applies and overrides do not"
        self._unavailable = f"the store cannot be read, {goes_on}: {error}" if error else ""
        self._metrics.store_unavailable.set(bool(error))


async def _until_done(catch_up: Callable[[], Awaitable[None]]) -> None:
    backoff = Backoff(most_s=10.0)
    while True:
        try:
            return await catch_up()
        except GslbError as error:  # of whatever kind: others write there too
            get_logger("coordinator").warning("the store cannot be followed now", reason=str(error))
            await asyncio.sleep(backoff.delay_s())
