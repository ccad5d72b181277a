"""What those try at the door who have a certificate, or once had one, and some knowledge of TLS and gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from prometheus_client import CollectorRegistry
from support.attempts import Try, audit, clear, drain, exchange, look, refused
from support.certificates import DOMAIN, Pki
from support.coordinators import DEADLINE_S
from support.secured import Secured, secured

from gslb.coordinator.callers import Denial
from gslb.coordinator.door import Door
from gslb.coordinator.metrics import Metrics
from gslb.core.identity.access import Access
from gslb.core.identity.names import Kind
from gslb.runtime import rpc

Code = grpc.StatusCode
DAY_S = 86_400
PADDED = "x" * (3 * 1024 * 1024)
STRANGE = [
    ([f"spiffe://{DOMAIN}/operator/admin", f"spiffe://{DOMAIN}/operator/vera"], "name"),
    ([], "name"),
    ([f"spiffe://{DOMAIN}/root/admin"], "name"),
    ([f"spiffe://{DOMAIN}/agent/eu/x/../a1"], "name"),
    ([f"spiffe://{DOMAIN}/agent/eu/../us/a1"], "name"),
    ([f"spiffe://{DOMAIN}/agent/eu/.."], "name"),
    ([f"spiffe://{DOMAIN}/agent/us%2Fa1/x"], "name"),
    ([f"spiffe://{DOMAIN}/agent/us/a1\n"], "name"),
    ([f"spiffe://{DOMAIN}/operator/admin\0.evil"], "name"),
    ([f"spiffe://{DOMAIN}/dns/x/operator/admin"], "name"),
    ([f"spiffe://{DOMAIN}//operator/admin"], "name"),
    ([f"spiffe://{DOMAIN}/operator/admin?x"], "name"),
    ([f"spiffe://{DOMAIN}:443/operator/admin"], "name"),
    ([f"spiffe://{DOMAIN.upper()}/operator/admin"], "name"),
    (["spiffe://other.test/operator/admin"], "domain"),
    ([f"spiffe://{DOMAIN}.evil.test/operator/admin"], "domain"),
]
"""URI names that our own authority would never sign, and what is counted."""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Secured]:
    async with secured(tmp_path) as made:
        yield made


@pytest.mark.parametrize(("attempt", "method"), [(look, "GetStatus"), (exchange("us/a1"), "Exchange")])
async def test_names_that_nobody_knows(world: Secured, subtests: pytest.Subtests, attempt: Try, method: str) -> None:
    for number, (uris, reason) in enumerate(STRANGE):
        with subtests.test(repr(uris)):
            before = world.running.count("denied_total", method=method, reason=reason)
            async with world.channel(world.pki.forge(str(number), uris)) as channel:
                error, tries = await refused(attempt, channel)
            assert error.code() is Code.UNAUTHENTICATED
            assert world.running.count("denied_total", method=method, reason=reason) == before + tries


async def test_a_connection_outlives_no_certificate(world: Secured, monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS looks at the end of a certificate once, at the handshake; who is connected by then must not stay for ever."""
    async with world.channel(world.pki.issue(Kind.OPERATOR, "vera", days=1)) as channel:
        await look(channel)
        monkeypatch.setenv("GSLB_WALL_OFFSET_S", str(DAY_S))
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await look(channel)
    assert error.value.code() is Code.UNAUTHENTICATED
    assert "operator/vera has ended" in error.value.details()
    assert world.running.count("denied_total", method="GetStatus", reason="expired") == 1


async def test_nor_does_a_stream(world: Secured, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = world.pki.issue(Kind.AGENT, "eu/a1", days=1)
    monkeypatch.setenv("GSLB_WALL_OFFSET_S", str(DAY_S - 2))
    async with world.channel(agent) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await exchange("eu/a1")(channel)
    assert error.value.code() is Code.UNAUTHENTICATED
    assert world.running.count("denied_total", method="Exchange", reason="expired") == 1


@dataclass(frozen=True)
class Details:
    method: str
    invocation_metadata: tuple[tuple[str, str], ...] = ()


class Peer:
    """The context of a call as gRPC hands it over."""

    def __init__(self, certificate: bytes) -> None:
        self._certificate = certificate

    def peer(self) -> str:
        return "ipv4:192.0.2.1:5000"

    def auth_context(self) -> dict[str, list[bytes]]:
        return {"x509_pem_cert": [self._certificate]}


async def test_a_stream_that_was_let_in_ends_with_its_certificate(tmp_path: Path) -> None:
    files = Pki(tmp_path / "pki").issue(Kind.AGENT, "eu/a1", days=1).files
    assert files is not None
    end_s = int(files.load().expires_unix_s)
    registry, let_in = CollectorRegistry(), asyncio.Event()

    async def forever(request: object, context: object) -> None:
        let_in.set()
        await asyncio.Event().wait()

    async def continuation(details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[object, object]:
        return grpc.stream_stream_rpc_method_handler(forever)

    door = Door(DOMAIN, Access, Metrics(registry), lambda note, why: None, lambda: end_s - 0.01)
    handler = await door.intercept_service(continuation, Details("/gslb.api.v1.Health/Exchange"))
    with pytest.raises(Denial, match="agent/eu/a1 has ended"):
        await handler.stream_stream(None, Peer(files.certificate.read_bytes()))
    assert let_in.is_set()
    labels = {"method": "Exchange", "reason": "expired"}
    assert registry.get_sample_value("gslb_coordinator_denied_total", labels) == 1


async def a_long_name(channel: grpc.aio.Channel) -> None:
    await exchange("eu/" + PADDED)(channel)


async def a_long_text(channel: grpc.aio.Channel) -> None:
    await drain(channel, why=PADDED)


@pytest.mark.parametrize("attempt", [a_long_name, a_long_text])
async def test_huge_messages(world: Secured, attempt: Try) -> None:
    async with world.channel(world.pki.issue(Kind.AGENT, "eu/a1")) as channel:
        with pytest.raises(grpc.aio.AioRpcError, match="larger than max") as error:
            await attempt(channel)
    assert error.value.code() is Code.RESOURCE_EXHAUSTED
    status = await world.running.status()
    assert not status.overrides
    assert not any(site.agents for site in status.sites)


async def test_what_was_overheard_is_worth_nothing(world: Secured) -> None:
    """Octet for octet an admin's connection is sent again: that is another handshake, with other keys."""
    port = world.running.bound.port
    admin = world.pki.of(Kind.OPERATOR, "admin")
    async with overhearing(port) as (address, heard), rpc.channel(address, admin) as channel:
        await drain(channel)
    await clear(world.running.channel)
    handshakes = world.running.count("handshakes_total")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(heard)
    async with asyncio.timeout(DEADLINE_S):
        while await reader.read(65_536):
            pass
    writer.close()
    assert world.running.count("handshakes_total") == handshakes + 1
    entries = (await audit(world.running.channel)).entries
    assert [one.action for one in entries] == ["clear", "drain", "apply"]


@asynccontextmanager
async def overhearing(port: int) -> AsyncIterator[tuple[str, bytearray]]:
    """(an address that leads to `port`, what clients have said there)."""
    heard = bytearray()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, keep: bytearray) -> None:
        with suppress(ConnectionError):
            while octets := await reader.read(65_536):
                keep += octets
                writer.write(octets)
        writer.close()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, there = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pass_on(reader, there, heard), pass_on(back, writer, bytearray()))

    async with await asyncio.start_server(relay, "127.0.0.1") as between:
        yield f"127.0.0.1:{between.sockets[0].getsockname()[1]}", heard
