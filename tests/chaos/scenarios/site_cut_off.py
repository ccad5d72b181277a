"""A whole site is cut off from all others, agents and servers: nobody refuses, nobody reports, everybody times out."""

from __future__ import annotations

from functools import partial

from chaos import plan
from chaos.registry import scenario
from chaos.trials import Limits, Trials
from chaos.world import World


@scenario("a whole site is cut off", limits=Limits(worst_s=10))
async def site_cut_off(world: World, trials: Trials) -> None:
    site = plan.SITES[0]  # the same again: who loses two sites within seconds of each other doubts himself
    for _ in range(3):
        members = world.of_site(site)
        await trials.lose(members, partial(world.network.cut_off, plan.AGENTS[site], plan.SERVERS[site]))
        world.network.heal()
        world.come_back(*members)
        await world.until_whole()
        await world.until_serving()
