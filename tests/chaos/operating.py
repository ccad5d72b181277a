"""An operator who never rests: configurations and overrides, fifty a minute, through one coordinator after the other.

What was acknowledged must be there ever after, and no dns server may serve an earlier order than it did before.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle

import aiohttp
import grpc

from chaos import plan
from chaos.trials import Trials
from chaos.world import World
from gslb.api.v1 import admin_pb2 as pb
from gslb.api.v1 import facts_pb2
from gslb.cli.demo.children import DemoFailed

EVERY_S = 60 / 50
_ANSWER_S = 8.0
_LOOK_S = 0.2
_FLAPS = 1_000_000
_SCOPE = facts_pb2.Scope(kind=facts_pb2.SCOPE_KIND_SITE, name=plan.CROWD[0])
"""Nothing stands there, so that overrides of it change no answer."""

Order = tuple[float, float, float]


@dataclass(slots=True, kw_only=True)
class Operator:
    """`written`: by revision, what is to be found there. `directed`: the newest override's number and revision.

    `unknown`: writes without an acknowledgement; each may have been done, or may yet be.
    """

    world: World
    trials: Trials
    number: int = 0
    written: dict[int, str] = field(default_factory=dict)
    directed: tuple[int, int] = (0, 0)
    unknown: set[int] = field(default_factory=set)
    served: dict[str, Order] = field(default_factory=dict)
    _checked: int = 0

    async def work(self) -> None:
        """Until cancelled."""
        for name in cycle(plan.COORDINATORS):
            due = asyncio.get_running_loop().time() + EVERY_S
            if name not in self.world.stopped:
                self.number += 1
                await self._write(name, self.number)
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))

    async def look(self) -> None:
        """At what dns servers serve, until cancelled."""
        while True:
            for name in plan.DNS:
                with suppress(aiohttp.ClientError, TimeoutError):
                    self._compare(name, await _order(self.world, name))
            await asyncio.sleep(_LOOK_S)

    async def flap(self) -> None:
        """Servers die and come back, until cancelled."""
        await self.trials.kill_servers(_FLAPS)

    async def check(self) -> None:
        """Everything that was acknowledged is there; waits until dns servers serve it."""
        written, (number, revision) = dict(self.written), self.directed
        newest = max(written, default=0)

        async def is_served() -> bool:
            orders = [await _order(self.world, name) for name in plan.DNS]
            return all(config >= newest and directive >= revision for _, config, directive in orders)

        await self.world.until(f"configuration {newest} and directives {revision} on dns servers", is_served)
        status = await self._status()
        (found,) = [override for override in status.overrides if override.scope == _SCOPE] or [facts_pb2.Override()]
        there = int(found.why or 0)
        self.trials.require(
            (there >= number or there in self.unknown) and status.order.directive >= revision,
            f"override '{there}' is in force after '{number}' was acknowledged",
        )
        await self._check_history(written)

    async def _check_history(self, written: Mapping[int, str]) -> None:
        listed = await self.world.admins["a"].ListConfigs(pb.ListConfigsRequest(limit=100), timeout=_ANSWER_S)
        found = {one.revision: one.message for one in listed.configs}
        for revision, message in written.items():
            if revision > self._checked:
                self.trials.require(
                    found.get(revision) == message,
                    f"revision {revision} was acknowledged as '{message}' and is '{found.get(revision)}'",
                )
        self._checked = max(written, default=0)

    async def _write(self, name: str, number: int) -> None:
        override = pb.SetOverrideRequest(
            scope=_SCOPE, action=facts_pb2.OVERRIDE_ACTION_DRAIN, who="chaos", why=str(number)
        )
        try:
            async with asyncio.timeout(_ANSWER_S):
                service = f"  - {{name: n{number}.gslb.test, pools: [eu], steering: [weighted]}}"
                applied = await self.world.apply(self.world.configuration(service), by=name, message=str(number))
                self.written[applied.order.config] = str(number)
                directed = await self.world.admins[name].SetOverride(override)
                self.directed = number, directed.order.directive
        except (grpc.RpcError, DemoFailed, TimeoutError):
            self.unknown.add(number)

    async def _status(self) -> pb.GetStatusResponse:
        status = await self.world.status("a")
        if status is None:
            raise DemoFailed("coordinator a does not answer")
        return status

    def _compare(self, name: str, order: Order) -> None:
        before = self.served.get(name, order)
        self.trials.require(order >= before, f"{name} served {before} and then {order}")
        self.served[name] = order


async def _order(world: World, name: str) -> Order:
    found = {one.labels["number"]: one.value for one in await world.samples(name, "gslb_dns_order")}
    return found["incarnation"], found["config"], found["directive"]


async def leader(world: World) -> str | None:
    """The coordinator that says it leads, of those that can say something."""
    for name in plan.COORDINATORS:
        if name not in world.stopped and name in world.children.running:
            with suppress(aiohttp.ClientError, TimeoutError):
                if await world.metric(name, "gslb_coordinator_leads"):
                    return name
    return None


async def elected(world: World, *, but: str = "") -> str:
    """Wait until somebody leads who is not `but`. Raises DemoFailed."""
    found: str | None = None

    async def leads() -> bool:
        nonlocal found
        found = await leader(world)
        return found not in (None, but)

    await world.until("a leader", leads)
    assert found is not None
    return found


@asynccontextmanager
async def at_work(world: World, trials: Trials) -> AsyncIterator[Operator]:
    """All through, an operator works and servers flap; at the end everything that was acknowledged must be there."""
    operator = Operator(world=world, trials=trials)
    tasks = [asyncio.create_task(work) for work in (operator.work(), operator.look(), operator.flap())]
    try:
        yield operator
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.result()
    await world.until_whole()
    await operator.check()
    trials.require(len(operator.written) > 0, "nothing was written")
