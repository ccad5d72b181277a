"""New configurations that go to one dns server first: how they begin, who serves them, how they end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress

import aiohttp

from chaos import plan
from chaos.trials import Trials
from chaos.world import World
from gslb.api.v1 import admin_pb2 as pb

_CALL_S = 2
_LOOK_S = 0.2


async def begin(world: World, first: str, soak_s: int, by: str) -> int:
    """Apply one through the coordinator `by`; its revision, once `first` serves it and the others do not."""
    made = await world.apply(world.configuration(f"rollout: {{soak: {soak_s}s, first: {first}}}\n"), by, now=False)
    revision = made.order.config

    async def is_on_trial() -> bool:
        return {name for name in plan.DNS if await served(world, name) == revision} == {first}

    await world.until(f"configuration {revision} at {first} alone", is_on_trial)
    return revision


async def served(world: World, name: str) -> int:
    """The revision of the configuration that this dns server serves."""
    return int(await world.metric(name, "gslb_dns_order", number="config"))


async def watched(world: World, names: Collection[str]) -> str:
    """Which of these coordinators watches the first dns server, once one does."""
    found: list[str] = []

    async def watches() -> bool:
        found[:] = [name for name in names if await world.metric(name, "gslb_coordinator_watches")]
        return bool(found)

    await world.until(f"a watcher among {', '.join(names)}", watches)
    return found[0]


async def ended(world: World, by: str) -> pb.Rollout:
    """What became of it, as this coordinator says, once nothing is on trial any more."""
    found = pb.Rollout()

    async def is_over() -> bool:
        call = world.admins[by].GetRollout(pb.GetRolloutRequest(), timeout=_CALL_S)
        found.CopyFrom((await call).rollout)
        return found.stage != pb.ROLLOUT_STAGE_TRIAL

    await world.until("the end of a trial", is_over)
    return found


async def until_served(world: World, revision: int) -> None:
    async def is_served() -> bool:
        return {await served(world, name) for name in plan.DNS} == {revision}

    await world.until(f"configuration {revision} at all dns servers", is_served)


@asynccontextmanager
async def spared(world: World, trials: Trials, name: str, revision: int) -> AsyncIterator[None]:
    """All through, this dns server must not serve that revision."""

    async def look() -> None:
        while True:
            with suppress(aiohttp.ClientError, TimeoutError):
                found = await served(world, name)
                trials.require(found != revision, f"{name} serves configuration {revision}")
            await asyncio.sleep(_LOOK_S)

    looking = asyncio.create_task(look())
    try:
        yield
    finally:
        looking.cancel()
        await asyncio.wait([looking])
    if not looking.cancelled():
        looking.result()
