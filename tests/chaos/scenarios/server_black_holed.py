"""The network swallows what is sent to a server: no answer, no refusal, and its old connections stay open.

By the defaults that is known after half an interval on average, two time-outs and the pause between them: 3.04 s. The
median of a dozen trials scatters around that by 0.13 s, though they spread over the interval.
"""

from __future__ import annotations

from functools import partial

from chaos.registry import scenario
from chaos.trials import Limits, Trials
from chaos.world import World


@scenario("a server is black-holed", limits=Limits(median_s=3.4, worst_s=5))
async def server_black_holed(world: World, trials: Trials) -> None:
    async for member in world.in_turn(12):
        await trials.interval_begins()
        await trials.lose([member], partial(world.network.swallow, member.address))
        world.network.release(member.address)
        world.come_back(member)
