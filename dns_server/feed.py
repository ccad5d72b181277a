"""The feed: a stream to each coordinator, kept up whatever happens to it. What a stream says is `stream`'s matter.

Where coordinators are is saved, so that a restart finds them even if those it was given are gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial

from dns_server.demand import Demand
from dns_server.engines.base import Engine
from dns_server.files import Kind
from dns_server.guides import Guides
from dns_server.received import dump_coordinators
from dns_server.replica import Replica
from dns_server.saver import Saver
from dns_server.self_query import SelfQuery
from dns_server.stream import Identity, Shared, Stream
from gslb.api.v1.discovery_pb2_grpc import DiscoveryStub
from gslb.core.coordinators import Known
from gslb.core.hearing import Hearing
from gslb.runtime import rpc
from gslb.runtime.backoff import Backoff
from gslb.runtime.cancellation import alone
from gslb.runtime.companions import Companions
from gslb.runtime.logs import get_logger
from gslb.runtime.supervise import keep_running
from gslb.runtime.tls import LOOPBACK_ONLY, Security

LONGEST_PAUSE_S = 5.0


class Feed:
    """All streams of one dns server."""

    def __init__(
        self,
        identity: Identity,
        replica: Replica,
        saver: Saver,
        engine: Engine,
        named: Iterable[str],
        guides: Guides,
        self_query: SelfQuery,
        security: Security = LOOPBACK_ONLY,
    ) -> None:
        """`named`: coordinators that are always tried."""
        self._security = security
        demand = Demand(engine.take_asked)
        self._shared = Shared(
            identity=identity,
            replica=replica,
            hearing=Hearing(),
            trial=asyncio.Lock(),
            self_query=self_query,
            engine=engine,
            demand=demand,
            save_now=saver.put_now,
            guides=guides,
            tell=self._tell,
        )
        self._saver = saver
        self._companions = Companions("feed", Known(named), self._follow, self._save)
        self._log = get_logger("dns")
        self.demand = demand
        self.beat_s: dict[str, float] = {}
        """When each coordinator was last heard, by the monotonic clock."""

    def remember(self, learnt: Iterable[str]) -> None:
        """Where coordinators were before a restart."""
        self._companions.known.remember(learnt)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(keep_running("demand", self.demand.run))
            tasks.create_task(self._companions.run())

    def _tell(self, by: str, addresses: Iterable[str]) -> None:
        self._companions.tell(by, addresses)

    def _save(self) -> None:
        self._saver.put(Kind.COORDINATORS, partial(dump_coordinators, self._companions.known.learnt))

    async def _follow(self, coordinator: str) -> None:
        try:
            await self._reconnect(coordinator)
        finally:
            self.beat_s.pop(coordinator, None)

    async def _reconnect(self, coordinator: str) -> None:
        backoff = Backoff(most_s=LONGEST_PAUSE_S)
        told = False
        while True:
            stream = Stream(coordinator, self._shared, self.beat_s)
            try:
                async with rpc.channel(coordinator, self._security) as channel:
                    await alone(stream.run(DiscoveryStub(channel).Subscribe()))
            except* rpc.STREAM_ENDS as errors:
                if stream.heard or not told:
                    self._log.warning("coordinator lost", coordinator=coordinator, error=rpc.reason(errors))
                    told = True
            finally:
                self._shared.hearing.lost(coordinator)
                self._companions.lose(coordinator)
            if stream.heard:
                backoff.reset()
            await asyncio.sleep(backoff.delay_s())
