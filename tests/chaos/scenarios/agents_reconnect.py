"""200 agents lose a coordinator, then all of them, and come back at once: all are heard again within 10 s."""

from __future__ import annotations

import asyncio

from chaos import plan
from chaos.registry import AT_ONCE, scenario
from chaos.trials import Trials
from chaos.world import World, heard

COUNT = 200
WITHIN_S = 10.0


async def until_heard(world: World) -> float:
    """Seconds until every coordinator hears all of them."""

    async def all_heard() -> bool:
        found = [await world.status(name) for name in plan.COORDINATORS]
        return all(status is not None and heard(status, plan.CROWD) == COUNT for status in found)

    return await world.until(f"{COUNT} agents", all_heard)


@scenario("a server is killed, 200 agents reconnect at once", limits=AT_ONCE, within_s=240)
async def agents_reconnect(world: World, trials: Trials) -> None:
    folders = await asyncio.to_thread(world.programs.issue_crowd, COUNT // len(plan.CROWD))
    addresses = [world.programs.address(name, plan.ADMIN) for name in plan.COORDINATORS]
    await world.start_helper("chaos.crowd", ",".join(addresses), *map(str, folders))
    await until_heard(world)
    for names in (plan.COORDINATORS[:1], plan.COORDINATORS):
        world.kill(*names)
        world.start(*names)
        for name in names:
            await world.until_answers(name)
        back_s = await until_heard(world)
        trials.require(back_s <= WITHIN_S, f"{COUNT} agents were back after {back_s:.1f} s, not {WITHIN_S:.0f}")
        await world.until_whole()
        await trials.kill_servers(8)
