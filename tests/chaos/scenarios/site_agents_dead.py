"""All agents of a site die: its servers keep their verdicts, and others see from outside when one of them dies."""

from __future__ import annotations

from functools import partial

from chaos import plan
from chaos.registry import scenario
from chaos.trials import Limits, Trials
from chaos.world import World


@scenario("a site's agents die, then one of its servers", limits=Limits(worst_s=10))
async def site_agents_dead(world: World, trials: Trials) -> None:
    for site in plan.SITES:
        agent = plan.AGENTS[site]
        world.kill(agent)
        await trials.watch(5)
        alarms = await world.alarms("a")
        trials.require(any("is silent" in alarm and site in alarm for alarm in alarms), f"no alarm in {alarms}")
        victim = world.of_site(site)[0]
        await trials.lose([victim], partial(world.kill, victim.name))
        world.start(agent)
        world.come_back(victim)
        await world.until_whole()
        await world.until_serving()
