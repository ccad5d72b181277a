"""Wall clocks step by days, back and forth, of single processes and of all at once, while servers die."""

from __future__ import annotations

from chaos import plan
from chaos.registry import AT_ONCE, scenario
from chaos.trials import Trials
from chaos.world import World

DAY_S = 86_400
EVERYONE = (*plan.COORDINATORS, *plan.AGENTS.values(), *plan.DNS)


@scenario("a server is killed, clocks step by days", limits=AT_ONCE)
async def clocks_stepped(world: World, trials: Trials) -> None:
    for name, seconds in zip(EVERYONE, (DAY_S, -DAY_S, 30 * DAY_S, -30 * DAY_S) * 2, strict=True):
        world.step_clock(name, seconds)
    await trials.kill_servers(8)
    for seconds in (-400 * DAY_S, 400 * DAY_S):
        for name in EVERYONE:
            world.step_clock(name, seconds)
        await trials.kill_servers(6)
    for name in EVERYONE:
        world.step_clock(name, -DAY_S)
    for name in plan.AGENTS.values():  # an agent that comes back in the past is still the newer one
        world.kill(name)
        world.start(name)
    await world.until_whole()
    await trials.kill_servers(4)
