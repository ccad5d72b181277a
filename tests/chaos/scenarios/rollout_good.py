"""A configuration is on trial at a dns server which the leader does not hear, and soon nor does who watches it.

Another coordinator takes over, and releases it. Each soak is longer than it takes to give that dns server up.
"""

from __future__ import annotations

from chaos import operating, plan, staging
from chaos.registry import AT_ONCE, scenario
from chaos.trials import Trials
from chaos.world import World
from gslb.api.v1 import admin_pb2 as pb

FIRST, SOAK_S = plan.DNS[1], 7


@scenario("a server is killed, coordinators and a configuration on trial are parted", limits=AT_ONCE)
async def rollout_good(world: World, trials: Trials) -> None:
    leader = await operating.elected(world)
    others = [name for name in plan.COORDINATORS if name != leader]
    world.network.cut(leader, FIRST)
    revision = await staging.begin(world, FIRST, SOAK_S, by=others[0])
    watcher = await staging.watched(world, others)
    world.network.cut(watcher, FIRST)
    await trials.kill_servers(6)
    successor = await staging.watched(world, [name for name in others if name != watcher])
    rollout = await staging.ended(world, by=successor)
    trials.require(
        (rollout.revision, rollout.stage) == (revision, pb.ROLLOUT_STAGE_RELEASED),
        f"configuration {revision} is not released: {rollout.reason}",
    )
    await staging.until_served(world, revision)
    still = await operating.elected(world)
    trials.require(still == leader, f"{still} leads, and no longer {leader}")
