"""Who leads is stopped, for longer or shorter than its term, and wakes when others may have led and written since."""

from __future__ import annotations

import asyncio
import random

from chaos.operating import at_work, elected
from chaos.registry import AT_ONCE, scenario
from chaos.trials import Trials
from chaos.world import World

LONGEST_S = 14.0
"""The lease of a leader lasts up to 10.5 s."""


@scenario("leaders are stopped and wake late, applies go on", limits=AT_ONCE, within_s=2_400)
async def leader_woken(world: World, trials: Trials) -> None:
    chance = random.Random(4)
    async with at_work(world, trials) as operator:
        for turn in range(100 if trials.is_long else 4):
            leader = await elected(world)
            world.stop(leader)
            await asyncio.sleep(chance.uniform(0.0, LONGEST_S) if turn else LONGEST_S)
            world.go_on(leader)
            if turn % 5 == 0:
                await world.until_whole()
                await operator.check()
