"""What happens every second, whatever else does: the beat to dns servers, and a look at what time has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from gslb.coordinator.admin.alarms import raise_alarms
from gslb.coordinator.admin.decider import Decider
from gslb.coordinator.admin.failback import count_latches
from gslb.coordinator.metrics import Metrics
from gslb.coordinator.relay.agents import BEAT_S
from gslb.coordinator.relay.hub import Hub
from gslb.runtime.logs import get_logger


class Ticker:
    """`troubles`: what is wrong with the store. `clock` is monotonic."""

    def __init__(
        self,
        hub: Hub,
        decider: Decider,
        troubles: Callable[[], Sequence[str]],
        metrics: Metrics,
        clock: Callable[[], float],
    ) -> None:
        self._hub = hub
        self._decider = decider
        self._trial = Decider(hub, lambda: hub.candidate.publication if hub.candidate is not None else None)
        self._troubles = troubles
        self._metrics = metrics
        self._clock = clock
        self._log = get_logger("coordinator")

    async def run(self) -> None:
        """Until cancelled. Beats wait for nothing, so what may be slow goes beside them."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._every_beat(self._beat))
            tasks.create_task(self._every_beat(self._hub.demands.beat))
            tasks.create_task(self._every_beat(self._look))

    async def _every_beat(self, act: Callable[[], Awaitable[None]]) -> None:
        while True:
            due = self._clock() + BEAT_S
            try:
                await act()
            except Exception as error:  # noqa: BLE001 - whatever goes wrong in one turn, reports must go on being relayed
                self._log.exception("a turn failed", error=str(error))
            await asyncio.sleep(max(0.0, due - self._clock()))

    async def _beat(self) -> None:
        self._hub.agents.beat()
        self._hub.beat()

    async def _look(self) -> None:
        concluded, tried = await self._decider.conclude(), await self._trial.conclude()
        if not self._hub.presence.is_settling:
            ours = (one for one in (concluded, tried) if one is not None)
            self._hub.dns_servers.compare((one.order, one.decision.digest) for one in ours)
        self._hub.dns_servers.forget_lost()
        if concluded is not None:
            count_latches(concluded, self._metrics)
        alarms = raise_alarms(self._hub, concluded, self._troubles(), self._clock())
        self._metrics.alarms.set(len(alarms))
