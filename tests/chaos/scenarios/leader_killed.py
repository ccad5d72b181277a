"""Who leads is killed 3 s after it was elected, over and over, while an operator writes and servers flap."""

from __future__ import annotations

import asyncio

from chaos.operating import at_work, elected
from chaos.registry import AT_ONCE, scenario
from chaos.trials import Trials
from chaos.world import World

IN_OFFICE_S = 3


@scenario("leaders are killed, applies go on, servers flap", limits=AT_ONCE, within_s=1_200)
async def leader_killed(world: World, trials: Trials) -> None:
    async with at_work(world, trials) as operator:
        for _ in range(30 if trials.is_long else 3):
            leader = await elected(world)
            await asyncio.sleep(IN_OFFICE_S)  # the fault itself: it has begun to write, and is killed in the middle
            world.kill(leader)
            await elected(world, but=leader)
            world.start(leader)
            await world.until_whole()
            await operator.check()
