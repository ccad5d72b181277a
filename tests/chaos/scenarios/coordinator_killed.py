"""One of three coordinators is dead, each in its turn, and so the leader too, while servers are killed."""

from __future__ import annotations

from chaos import plan
from chaos.registry import scenario
from chaos.trials import Limits, Trials
from chaos.world import World


@scenario("a server is killed, a coordinator is dead", limits=Limits(median_s=0.1, p99_s=0.5))
async def coordinator_killed(world: World, trials: Trials) -> None:
    for name in plan.COORDINATORS:
        world.kill(name)
        await trials.kill_servers(8)
        world.start(name)
        await world.until_whole()
