"""Two of three members of etcd are killed while servers die."""

from __future__ import annotations

from chaos import plan
from chaos.registry import AT_ONCE, scenario
from chaos.storeless import without_store
from chaos.trials import Trials
from chaos.world import World


@scenario("a server is killed, etcd has no majority", limits=AT_ONCE)
async def store_without_majority(world: World, trials: Trials) -> None:
    lost = plan.ETCD[:2]
    await without_store(world, trials, lambda: world.kill(*lost), lambda: world.start(*lost))
