"""Dns servers on their way to a new configuration, as a coordinator sees them: they do as they are told, or do not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial

from support.coordinators import CONFIG, DEADLINE_S, DnsServer, Running, files
from support.waiting import eventually

from gslb.api.v1 import admin_pb2 as pb
from gslb.api.v1 import discovery_pb2
from gslb.codec.facts import dump_order
from gslb.core.decision import Decision
from gslb.core.order import Order
from gslb.core.silence import NO_SILENCE
from gslb.core.steering.decide import decide

SOAKED = CONFIG + "rollout: {soak: 1s, first: ns2}\n"
NAMES = ("ns1", "ns2", "ns3")


def changed(octet: int, text: str = SOAKED) -> dict[str, bytes]:
    return files(text.replace("192.0.2.10", f"192.0.2.{octet}"))


@dataclass
class Told:
    """A dns server that serves whatever it is told, unless it is not to, and says so at every beat that it hears."""

    name: str
    server: DnsServer
    silent: bool = False
    refuses: str = ""
    trouble: str = ""
    decision: bytes | None = None

    async def live(self) -> None:
        served: Order | None = None
        made: Decision | None = None
        while True:
            if self.refuses and served != self.server.manifest_order:
                nack = discovery_pb2.Nack(order=dump_order(self.server.manifest_order), reason=self.refuses)
                await self.server.send(nack=nack)
            elif self.server.manifest and served != self.server.manifest_order:
                snapshot = await self.server.fetch()
                served = snapshot.order
                made = decide(snapshot, self.server.directives, self.server.facts, NO_SILENCE)
            if served is not None and made is not None and not self.silent:
                await self.say(served, made.digest if self.decision is None else self.decision)
            await self.server.until(partial(self._hears_more, len(self.server.beats), self.server.manifest_order))

    def _hears_more(self, beats: int, order: Order) -> bool:
        return len(self.server.beats) > beats or self.server.manifest_order != order

    async def say(self, order: Order, decision: bytes) -> None:
        order = replace(order, directive=self.server.directives.revision)
        status = discovery_pb2.DnsStatus(
            order=dump_order(order), decision=decision, asked=dump_order(order), trouble=self.trouble
        )
        await self.server.send(status=status)

    @property
    def revision(self) -> int:
        return self.server.manifest_order.config


class World:
    def __init__(self, running: Running, told: dict[str, Told]) -> None:
        self.running = running
        self.told = told

    @property
    def revisions(self) -> list[int]:
        return [self.told[name].revision for name in NAMES]

    async def rollout(self) -> pb.Rollout:
        return (await self.running.admin.GetRollout(pb.GetRolloutRequest(), timeout=DEADLINE_S)).rollout

    async def until_ended(self) -> pb.Rollout:
        async def ended() -> bool:
            return (await self.rollout()).stage != pb.ROLLOUT_STAGE_TRIAL

        await eventually(ended)
        return await self.rollout()

    async def end(self, revision: int, *, release: bool) -> pb.Rollout:
        request = pb.EndRolloutRequest(revision=revision, release=release, who="ann", why="in a hurry")
        return (await self.running.admin.EndRollout(request, timeout=DEADLINE_S)).rollout


@asynccontextmanager
async def dns_servers(running: Running, *names: str) -> AsyncIterator[dict[str, Told]]:
    async with AsyncExitStack() as stack:
        told = {name: Told(name, await stack.enter_async_context(running.dns_server(name))) for name in names}
        living = [asyncio.create_task(one.live()) for one in told.values()]
        try:
            yield told
        finally:
            for task in living:
                task.cancel()
            await asyncio.gather(*living, return_exceptions=True)
