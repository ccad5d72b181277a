"""One of three coordinators is cut off from everything, etcd too, each in its turn."""

from __future__ import annotations

from chaos import plan
from chaos.registry import AT_ONCE, scenario
from chaos.trials import Trials
from chaos.world import World


@scenario("a server is killed, a coordinator is cut off", limits=AT_ONCE)
async def coordinator_partitioned(world: World, trials: Trials) -> None:
    for name in plan.COORDINATORS:
        world.network.cut_off(name)
        await trials.kill_servers(8)
        world.network.heal()
        await world.until_whole()
