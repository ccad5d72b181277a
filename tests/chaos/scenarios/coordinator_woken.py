"""A coordinator is stopped for 30 s, wakes, and knows nothing of what was written meanwhile."""

from __future__ import annotations

import asyncio

from chaos import plan
from chaos.operating import at_work
from chaos.registry import AT_ONCE, scenario
from chaos.trials import Trials
from chaos.world import World

STOPPED_S = 30


@scenario("a coordinator is stopped for 30 s, applies go on", limits=AT_ONCE, within_s=300)
async def coordinator_woken(world: World, trials: Trials) -> None:
    for name in plan.COORDINATORS if trials.is_long else plan.COORDINATORS[:1]:
        async with at_work(world, trials):
            world.stop(name)
            await asyncio.sleep(STOPPED_S)  # the fault itself: longer than any lease, time-out or back-off
            world.go_on(name)
            await world.until_whole()
