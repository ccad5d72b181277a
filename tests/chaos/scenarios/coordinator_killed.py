"""One of three coordinators is dead, each in its turn, and so the leader too, while servers are killed."""

from __future__ import annotations

from chaos import plan
from chaos.registry import AT_ONCE, scenario
from chaos.trials import Trials
from chaos.world import World


@scenario("a server is killed, a coordinator is dead", limits=AT_ONCE)
async def coordinator_killed(world: World, trials: Trials) -> None:
    for name in plan.COORDINATORS:
        world.kill(name)
        await trials.kill_servers(8)
        world.start(name)
        await world.until_whole()
