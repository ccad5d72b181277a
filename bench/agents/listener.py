"""A dns server that only listens: it merges registers as they come, and notes when what it waits for has come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import grpc

from gslb.api.v1 import discovery_pb2 as pb
from gslb.api.v1.discovery_pb2_grpc import DiscoveryStub
from gslb.codec.facts import load_report
from gslb.core.facts import NO_FACTS, Facts, merge
from gslb.runtime import rpc

_AGAIN_S = 0.2
Wanted = Callable[[Facts], bool]


class Listener:
    def __init__(self, name: str) -> None:
        self._name = name
        self._came = asyncio.Event()
        self.facts = NO_FACTS

    async def run(self, address: str) -> None:
        """Until cancelled; a stream that ends is followed by another."""
        while True:
            async with rpc.channel(address) as channel:
                with suppress(grpc.RpcError, asyncio.InvalidStateError):
                    await self._listen(channel)
            await asyncio.sleep(_AGAIN_S)

    async def _listen(self, channel: grpc.aio.Channel) -> None:
        stream = DiscoveryStub(channel).Subscribe()
        await stream.write(pb.SubscribeRequest(hello=pb.DnsHello(name=self._name)))
        async for message in stream:
            for report in message.facts.reports:
                self.facts = merge(self.facts, load_report(report))
            if message.HasField("facts"):
                self._came.set()

    async def until(self, wanted: Wanted, within_s: float) -> float:
        """When it had come, on the monotonic clock. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while not wanted(self.facts):
                self._came.clear()
                await self._came.wait()
        return time.monotonic()
