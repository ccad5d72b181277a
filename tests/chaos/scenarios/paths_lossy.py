"""Every path from an agent to a server loses 5 % of the packets each way, and delays the others by up to 150 ms.

No server may be taken for dead: each answer that leaves one out fails the scenario. `LONG=1`: for ten minutes.
"""

from __future__ import annotations

from chaos import plan
from chaos.registry import scenario
from chaos.trials import Trials
from chaos.world import World

DEVICE = "shaper0"


@scenario("5 % loss and 150 ms jitter between agents and servers", within_s=700)
async def paths_lossy(world: World, trials: Trials) -> None:
    await world.start_helper("chaos.shaper", DEVICE, "0.05", "150", "1")
    for agent in plan.AGENTS.values():
        for servers in plan.SERVERS.values():
            world.network.shape(DEVICE, agent, servers)
    await trials.watch(600 if trials.is_long else 90)
    lost = [await world.metric(name, "gslb_agent_probes_total", cause="timeout") for name in plan.AGENTS.values()]
    trials.require(sum(lost) > 0, "no probe was lost: the path was not bad")
