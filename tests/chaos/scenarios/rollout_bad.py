"""A configuration is on trial at a dns server which then hangs: the other one never gets it, and it is rolled back."""

from __future__ import annotations

from functools import partial

from chaos import plan, staging
from chaos.registry import AT_ONCE, scenario
from chaos.trials import Trials
from chaos.world import World
from gslb.api.v1 import admin_pb2 as pb

FIRST, SPARED = plan.DNS
SOAK_S = 100


@scenario("a server is killed, a configuration on trial stops a dns server", limits=AT_ONCE)
async def rollout_bad(world: World, trials: Trials) -> None:
    revision = await staging.begin(world, FIRST, SOAK_S, by="a")
    async with staging.spared(world, trials, SPARED, revision):
        await trials.kill_servers(4)
        async with world.hanging_dns(FIRST):
            async for member in world.in_turn(4):
                await trials.lose([member], partial(world.kill, member.name), at=(SPARED,))
                world.come_back(member)
            rollout = await staging.ended(world, by="a")
            trials.require(
                (rollout.revision, rollout.stage, rollout.in_force)
                == (revision, pb.ROLLOUT_STAGE_ROLLED_BACK, revision + 1),
                f"configuration {revision} is not rolled back, {rollout.in_force} is in force",
            )
        await staging.until_served(world, revision + 1)
