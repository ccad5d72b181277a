"""A server's process is killed: its kernel closes its connections and refuses new ones."""

from __future__ import annotations

from functools import partial

from chaos.registry import scenario
from chaos.trials import Limits, Trials
from chaos.world import World


@scenario("a server is killed", limits=Limits(median_s=0.1, p99_s=0.5))
async def server_killed(world: World, trials: Trials) -> None:
    async for member in world.in_turn(40):
        await trials.lose([member], partial(world.kill, member.name))
        world.come_back(member)
