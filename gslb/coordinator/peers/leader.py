"""What only one coordinator may do, done by the one that leads: every write of it fails once another one leads."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from gslb.coordinator.admin.failback import Failback
from gslb.coordinator.admin.forgetting import Forgetting
from gslb.coordinator.admin.overrides import Overrides
from gslb.coordinator.configuration.keeper import Configuration
from gslb.coordinator.metrics import Metrics
from gslb.coordinator.peers.holding import hold
from gslb.coordinator.peers.roster import LEADER
from gslb.coordinator.peers.watcher import Overseer
from gslb.coordinator.relay.agents import BEAT_S
from gslb.core.errors import GslbError
from gslb.runtime.logs import get_logger
from gslb.store.base import Store
from gslb.store.leadership import Leadership

COLLECT_S = 60.0
_OVERRIDES_STAY = "overrides whose time is over stay"
_AGENTS_STAY = "agents that are heard again stay forgotten"
_LATCHES_STAY = "failback latches stay as they are"


class Leader:
    """`clock` is monotonic."""

    def __init__(
        self,
        store: Store,
        name: str,
        configuration: Configuration,
        overrides: Overrides,
        forgetting: Forgetting,
        failback: Failback,
        overseer: Overseer,
        metrics: Metrics,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._name = name
        self._configuration = configuration
        self._overrides = overrides
        self._forgetting = forgetting
        self._failback = failback
        self._overseer = overseer
        self._metrics = metrics
        self._clock = clock
        self._failing: set[str] = set()
        """What was said to fail, and has not succeeded since."""
        self._log = get_logger("coordinator")

    async def run(self) -> None:
        """Lead whenever nobody else does, until cancelled."""
        await hold(self._store, LEADER, self._name, self._lead)

    async def _lead(self, leadership: Leadership) -> None:
        self._log.info("leading", term=leadership.revision)
        self._metrics.leads.set(1)
        self._failing.clear()
        collect_s = self._clock()
        try:
            while leadership.is_held():
                await self._try(_OVERRIDES_STAY, self._overrides.end_expired(leadership.fence))
                await self._try(_AGENTS_STAY, self._forgetting.end_past(leadership.fence))
                await self._try(_LATCHES_STAY, self._failback.look(leadership.fence))
                await self._overseer.look(leadership.fence)
                if self._clock() >= collect_s:
                    collect_s = self._clock() + COLLECT_S
                    await self._configuration.collect_shared(leadership.fence)
                await asyncio.sleep(BEAT_S)
        finally:
            self._metrics.leads.set(0)
            self._log.info("no longer leading", term=leadership.revision)

    async def _try(self, failure: str, duty: Awaitable[None]) -> None:
        """What fails is tried again with the next beat; said once, and once more when it succeeds again."""
        try:
            await duty
        except GslbError as error:
            if failure not in self._failing:
                self._log.warning(failure, reason=str(error))
            self._failing.add(failure)
        else:
            if failure in self._failing:
                self._log.info("no longer so", what=failure)
            self._failing.discard(failure)
