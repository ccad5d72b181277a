"""One of three coordinators hangs, each in its turn: its streams stay open and say nothing."""

from __future__ import annotations

from chaos import plan
from chaos.registry import AT_ONCE, scenario
from chaos.trials import Trials
from chaos.world import World


@scenario("a server is killed, a coordinator hangs", limits=AT_ONCE)
async def coordinator_hung(world: World, trials: Trials) -> None:
    for name in plan.COORDINATORS:
        world.stop(name)
        await trials.kill_servers(8)
        world.go_on(name)
        await world.until_whole()
