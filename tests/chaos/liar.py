"""A coordinator that lies, with a certificate that lets it in: it replays, forges, and sends what makes no sense."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gslb.api.v1 import discovery_pb2 as pb
from gslb.api.v1.discovery_pb2_grpc import DiscoveryServicer, DiscoveryStub, add_DiscoveryServicer_to_server
from gslb.api.v1.facts_pb2 import Envelope, Order
from gslb.runtime import rpc
from gslb.runtime.addresses import SocketAddress
from gslb.runtime.tls import Security

PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a true coordinator said once, signed by the true key."""

    manifest: Envelope
    directives: Envelope


async def overhear(coordinator: str, name: str, security: Security) -> Told:
    """What it tells a dns server of this name."""
    async with rpc.channel(coordinator, security) as channel, asyncio.timeout(PATIENCE_S):
        call = DiscoveryStub(channel).Subscribe()
        await call.write(pb.SubscribeRequest(hello=pb.DnsHello(name=name, version="overheard", engine="none")))
        kept: dict[str, Envelope] = {}
        while kept.keys() != {"manifest", "directives"}:
            message = await call.read()
            assert isinstance(message, pb.SubscribeResponse), "the coordinator ended the stream"
            match message.WhichOneof("message"):
                case "manifest":
                    kept["manifest"] = message.manifest
                case "directives":
                    kept["directives"] = message.directives
        call.cancel()
    return Told(**kept)


def lies(old: Told, new: Told) -> list[pb.SubscribeResponse]:
    """Replayed, raised to a higher order, changed, unsigned, signed by nobody, cut off, never asked for, empty."""
    ahead = Order(incarnation=new.manifest.order.incarnation + 1, config=1, directive=1)
    payload, signature = bytearray(new.manifest.payload), bytearray(new.manifest.signature)
    payload[len(payload) // 2] ^= 1
    signature[0] ^= 1
    forged = (
        old.manifest,
        _changed(old.manifest, order=ahead),
        _changed(new.manifest, order=ahead, payload=bytes(payload)),
        _changed(new.manifest, order=ahead, signature=bytes(signature)),
        _changed(new.manifest, order=ahead, signature=b"", key_id=""),
        _changed(new.manifest, order=ahead, key_id="nobody"),
        _changed(new.manifest, order=ahead, payload=new.manifest.payload[:-9]),
        Envelope(order=ahead),
    )
    directed = (
        old.directives,
        _changed(old.directives, order=ahead),
        _changed(new.directives, order=ahead, payload=b"x"),
    )
    return [
        *(pb.SubscribeResponse(manifest=one) for one in forged),
        *(pb.SubscribeResponse(directives=one) for one in directed),
        pb.SubscribeResponse(chunk=pb.ChunkBytes(digest=bytes(32), content=bytes(1000))),
        pb.SubscribeResponse(beat=pb.Beat(order=ahead, facts=b"?", heard=["\0", "eu/agent" * 40])),
        pb.SubscribeResponse(),
    ]


def _changed(
    envelope: Envelope,
    order: Order,
    payload: bytes | None = None,
    signature: bytes | None = None,
    key_id: str | None = None,
) -> Envelope:
    return Envelope(
        order=order,
        payload=envelope.payload if payload is None else payload,
        signature=envelope.signature if signature is None else signature,
        key_id=envelope.key_id if key_id is None else key_id,
    )


@dataclass(slots=True)
class Liar(DiscoveryServicer):
    """Tells every dns server that comes all of these, then says no more. `told`: to how many."""

    says: Sequence[pb.SubscribeResponse]
    told: int = 0

    async def Subscribe(
        self, requests: AsyncIterator[pb.SubscribeRequest], context: object
    ) -> AsyncIterator[pb.SubscribeResponse]:
        for lie in self.says:
            yield lie
        self.told += 1
        async for _ in requests:
            pass


@asynccontextmanager
async def lying(
    address: SocketAddress, security: Security, says: Sequence[pb.SubscribeResponse]
) -> AsyncIterator[Liar]:
    """Until the context ends."""
    server, liar = rpc.server(), Liar(says)
    add_DiscoveryServicer_to_server(liar, server)
    rpc.listen(server, address, security)
    await server.start()
    try:
        yield liar
    finally:
        await server.stop(None)
