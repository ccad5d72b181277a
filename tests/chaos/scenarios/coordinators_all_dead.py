"""All coordinators and all of etcd are dead: dns servers answer from memory, and after a restart from their files.

The time is that of a whole start: the interpreter, its modules, the files, a first decision.
"""

from __future__ import annotations

from chaos import plan
from chaos.registry import scenario
from chaos.trials import Limits, Trials
from chaos.world import World


@scenario("a dns server restarts, coordinators and etcd are dead", limits=Limits(median_s=0.5, p99_s=1))
async def coordinators_all_dead(world: World, trials: Trials) -> None:
    world.kill(*plan.COORDINATORS, *plan.ETCD)
    await trials.watch(5)
    for name in 5 * plan.DNS:
        await trials.restart_dns(name)
