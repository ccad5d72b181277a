"""The store is away for a while: servers die meanwhile, writes fail clearly and soon, and all resumes by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import grpc

from chaos.trials import Trials
from chaos.world import World
from gslb.api.v1 import admin_pb2 as pb

ERROR_WITHIN_S = 10.0
KILLS = 12


async def without_store(world: World, trials: Trials, lose: Callable[[], None], regain: Callable[[], None]) -> None:
    """`lose`: the store takes no writes from then on, until `regain`."""
    applied = await world.apply(_with(world, "before"), message="before")
    lose()
    await _refused(world, trials)
    await trials.kill_servers(KILLS)
    await _refused(world, trials)
    regain()
    await world.until("a write again", lambda: _writes(world))
    await world.until_whole()
    listed = await world.admins["a"].ListConfigs(pb.ListConfigsRequest(limit=10), timeout=ERROR_WITHIN_S)
    found = {one.revision: one.message for one in listed.configs}
    trials.require(found.get(applied.order.config) == "before", f"what was acknowledged is not in {found}")


async def _refused(world: World, trials: Trials) -> None:
    """A write fails within seconds, by an error that names the store."""
    begun_s = time.monotonic()
    try:
        async with asyncio.timeout(ERROR_WITHIN_S):
            await world.apply(_with(world, "meanwhile"))
        trials.require(False, "without a store a write is acknowledged")
    except TimeoutError:
        trials.require(False, f"without a store a write has no answer after {ERROR_WITHIN_S:.0f} s")
    except grpc.aio.AioRpcError as error:
        took_s = time.monotonic() - begun_s
        clear = error.code() is grpc.StatusCode.UNAVAILABLE and "etcd" in (error.details() or "")
        trials.require(clear, f"after {took_s:.1f} s a write fails with {error.code().name}: {error.details()}")


async def _writes(world: World) -> bool:
    try:
        async with asyncio.timeout(ERROR_WITHIN_S):
            await world.apply(_with(world, "after"))
    except (grpc.aio.AioRpcError, TimeoutError):
        return False
    return True


def _with(world: World, label: str) -> str:
    return world.configuration(f"  - {{name: {label}.gslb.test, pools: [eu], steering: [weighted]}}")
