"""All members of etcd hang: their kernels take connections and calls, and nobody answers."""

from __future__ import annotations

from chaos import plan
from chaos.registry import AT_ONCE, scenario
from chaos.storeless import without_store
from chaos.trials import Trials
from chaos.world import World


@scenario("a server is killed, etcd hangs", limits=AT_ONCE)
async def store_hung(world: World, trials: Trials) -> None:
    await without_store(world, trials, lambda: world.stop(*plan.ETCD), lambda: world.go_on(*plan.ETCD))
