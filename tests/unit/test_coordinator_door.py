"""The door: what the wrong people try, over unary and streaming calls, and what the right ones may do."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_health.v1.health_pb2_grpc import HealthStub as GrpcHealthStub
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub
from support.certificates import DOMAIN, Pki, now
from support.coordinators import DEADLINE_S, Running, coordinator, make_offer, to_the_end

from gslb.api.v1 import admin_pb2, discovery_pb2, facts_pb2, health_pb2
from gslb.api.v1.admin_pb2_grpc import AdminStub
from gslb.api.v1.discovery_pb2_grpc import DiscoveryStub
from gslb.api.v1.health_pb2_grpc import HealthStub
from gslb.core.identity.names import Kind, server_name
from gslb.runtime.tls import Security, TlsFiles

Code = grpc.StatusCode
Try = Callable[[grpc.aio.Channel], Awaitable[object]]
SPARE = "spiffe://other.test/operator/admin"


@dataclass(frozen=True)
class World:
    running: Running
    pki: Pki

    @asynccontextmanager
    async def channel(self, who: Security | None, *, plain: bool = False) -> AsyncIterator[grpc.aio.Channel]:
        """As a stranger's program would open it: nothing is checked on this side but the server."""
        address = f"127.0.0.1:{self.running.bound.port}"
        if plain:
            async with grpc.aio.insecure_channel(address) as channel:
                yield channel
            return
        ca = (self.pki.folder / "ca.pem").read_bytes()
        ours = (None, None)
        if who is not None:
            assert who.files is not None
            ours = (who.files.key.read_bytes(), who.files.certificate.read_bytes())
        options = [("grpc.ssl_target_name_override", server_name(DOMAIN)), ("grpc.use_local_subchannel_pool", 1)]
        credentials = grpc.ssl_channel_credentials(ca, *ours)
        async with grpc.aio.secure_channel(address, credentials, options=options) as channel:
            yield channel


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    pki = Pki(tmp_path / "pki")
    admin = pki.issue(Kind.OPERATOR, "admin")
    ours = pki.issue(Kind.COORDINATOR, "c1")
    async with coordinator(tmp_path, security=ours, operator=admin) as running:
        await running.applied()
        yield World(running, pki)


def exchange(hello: str, report: str | None = None) -> Try:
    async def attempt(channel: grpc.aio.Channel) -> None:
        call = HealthStub(channel).Exchange(timeout=DEADLINE_S)
        await call.write(health_pb2.ExchangeRequest(hello=health_pb2.AgentHello(agent=hello, boot=1, version="t")))
        if report is not None:
            message = facts_pb2.Report(agent=report, boot=1, sequence=1, layout=bytes(8), states=b"\1")
            await call.write(health_pb2.ExchangeRequest(report=message))
        await to_the_end(call)

    return attempt


def subscribe(name: str) -> Try:
    async def attempt(channel: grpc.aio.Channel) -> None:
        call = DiscoveryStub(channel).Subscribe(timeout=DEADLINE_S)
        await call.write(discovery_pb2.SubscribeRequest(hello=discovery_pb2.DnsHello(name=name)))
        await to_the_end(call)

    return attempt


async def apply(channel: grpc.aio.Channel) -> None:
    call = AdminStub(channel).Apply(timeout=DEADLINE_S)
    await call.write(admin_pb2.ApplyRequest(offer=make_offer({"gslb.yaml": b""})))
    await to_the_end(call)


async def look(channel: grpc.aio.Channel) -> admin_pb2.GetStatusResponse:
    return await AdminStub(channel).GetStatus(admin_pb2.GetStatusRequest(), timeout=DEADLINE_S)


async def drain(channel: grpc.aio.Channel) -> None:
    scope = facts_pb2.Scope(kind=facts_pb2.SCOPE_KIND_POOL, name="web-us")
    request = admin_pb2.SetOverrideRequest(scope=scope, action=facts_pb2.OVERRIDE_ACTION_DRAIN)
    await AdminStub(channel).SetOverride(request, timeout=DEADLINE_S)


async def failback(channel: grpc.aio.Channel) -> None:
    scope = facts_pb2.Scope(kind=facts_pb2.SCOPE_KIND_POOL, name="web-us")
    await AdminStub(channel).Failback(admin_pb2.FailbackRequest(scopes=[scope]), timeout=DEADLINE_S)


async def reflect(channel: grpc.aio.Channel) -> None:
    call = ServerReflectionStub(channel).ServerReflectionInfo(timeout=DEADLINE_S)
    await call.write(ServerReflectionRequest(list_services=""))
    if await call.read() is grpc.aio.EOF:
        raise grpc.aio.AioRpcError(await call.code(), grpc.aio.Metadata(), grpc.aio.Metadata(), await call.details())


WRONG: list[tuple[str, Kind, str, Try, Code, str, str]] = [
    ("another site's agent", Kind.AGENT, "eu/a1", exchange("us/a1"), Code.PERMISSION_DENIED, "Exchange", "other_name"),
    ("another agent", Kind.AGENT, "eu/a1", exchange("eu/a2"), Code.PERMISSION_DENIED, "Exchange", "other_name"),
    ("a dns server reports", Kind.DNS, "ns1", exchange("us/a1"), Code.PERMISSION_DENIED, "Exchange", "kind"),
    ("an operator reports", Kind.OPERATOR, "admin", exchange("us/a1"), Code.PERMISSION_DENIED, "Exchange", "kind"),
    ("a coordinator reports", Kind.COORDINATOR, "c2", exchange("us/a1"), Code.PERMISSION_DENIED, "Exchange", "kind"),
    ("another dns server", Kind.DNS, "ns1", subscribe("ns2"), Code.PERMISSION_DENIED, "Subscribe", "other_name"),
    ("an agent subscribes", Kind.AGENT, "eu/a1", subscribe("ns1"), Code.PERMISSION_DENIED, "Subscribe", "kind"),
    ("an agent looks", Kind.AGENT, "eu/a1", look, Code.PERMISSION_DENIED, "GetStatus", "kind"),
    ("an agent applies", Kind.AGENT, "eu/a1", apply, Code.PERMISSION_DENIED, "Apply", "kind"),
    ("a dns server drains", Kind.DNS, "ns1", drain, Code.PERMISSION_DENIED, "SetOverride", "kind"),
    ("a coordinator drains", Kind.COORDINATOR, "c2", drain, Code.PERMISSION_DENIED, "SetOverride", "kind"),
    ("an agent reflects", Kind.AGENT, "eu/a1", reflect, Code.PERMISSION_DENIED, "ServerReflectionInfo", "kind"),
    ("a viewer applies", Kind.OPERATOR, "vera", apply, Code.PERMISSION_DENIED, "Apply", "role"),
    ("an agent takes back", Kind.AGENT, "eu/a1", failback, Code.PERMISSION_DENIED, "Failback", "kind"),
    ("a viewer takes back", Kind.OPERATOR, "vera", failback, Code.PERMISSION_DENIED, "Failback", "role"),
    ("a viewer drains", Kind.OPERATOR, "vera", drain, Code.PERMISSION_DENIED, "SetOverride", "role"),
]


async def test_the_right_certificate_in_the_wrong_place(world: World, subtests: pytest.Subtests) -> None:
    known = {(Kind.OPERATOR, "admin"): of_folder(world.pki, Kind.OPERATOR, "admin")}
    for what, kind, name, attempt, code, method, reason in WRONG:
        with subtests.test(what):
            if (kind, name) not in known:
                known[kind, name] = world.pki.issue(kind, name)
            before = world.running.count("denied_total", method=method, reason=reason)
            async with world.channel(known[kind, name]) as channel:
                with pytest.raises(grpc.aio.AioRpcError) as error:
                    await attempt(channel)
            assert error.value.code() is code
            assert f"{kind}/{name}" in error.value.details()
            assert world.running.count("denied_total", method=method, reason=reason) == before + 1
    assert not (await world.running.status()).overrides


async def test_a_stolen_agent_cannot_report_for_another_site_on_its_own_stream(world: World) -> None:
    async with world.channel(world.pki.issue(Kind.AGENT, "eu/a1")) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await exchange("eu/a1", report="us/a1")(channel)
    assert error.value.code() is Code.INVALID_ARGUMENT
    assert world.running.count("refused_total", method="Exchange", code="INVALID_ARGUMENT") == 1
    assert [agent.agent for site in (await world.running.status()).sites for agent in site.agents] == ["eu/a1"]


@pytest.mark.parametrize(
    ("uris", "reason"),
    [
        ([f"spiffe://{DOMAIN}/operator/admin", f"spiffe://{DOMAIN}/operator/vera"], "name"),
        ([], "name"),
        ([f"spiffe://{DOMAIN}/root/admin"], "name"),
        ([SPARE], "domain"),
    ],
)
@pytest.mark.parametrize(("attempt", "method"), [(look, "GetStatus"), (exchange("us/a1"), "Exchange")])
async def test_names_that_nobody_knows(world: World, uris: list[str], reason: str, attempt: Try, method: str) -> None:
    async with world.channel(world.pki.forge("x", uris)) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await attempt(channel)
    assert error.value.code() is Code.UNAUTHENTICATED
    assert world.running.count("denied_total", method=method, reason=reason) == 1


def of_folder(pki: Pki, kind: Kind, name: str) -> Security:
    return Security(files=TlsFiles.of_folder(pki.folder / kind / name))


async def test_whom_tls_itself_turns_away(world: World, tmp_path: Path, subtests: pytest.Subtests) -> None:
    day = datetime.timedelta(days=1)
    strangers: list[tuple[str, Security | None, bool]] = [
        ("no certificate", None, False),
        ("plain text", None, True),
        ("another authority", Pki(tmp_path / "other").issue(Kind.OPERATOR, "admin"), False),
        ("expired", world.pki.issue(Kind.OPERATOR, "old", days=1, at=now() - 2 * day), False),
        ("not valid yet", world.pki.issue(Kind.OPERATOR, "new", at=now() + day), False),
    ]
    for what, who, plain in strangers:
        with subtests.test(what):
            before = world.running.count("handshakes_total")
            async with world.channel(who, plain=plain) as channel:
                with pytest.raises(grpc.aio.AioRpcError) as error:
                    await look(channel)
            assert error.value.code() is Code.UNAVAILABLE
            assert world.running.count("handshakes_total") > before


async def test_older_tls_is_refused(world: World) -> None:
    """One call over TLS 1.2, written by hand, since gRPC's own clients always speak 1.3."""
    who = world.pki.issue(Kind.OPERATOR, "vera")
    assert who.files is not None
    context = ssl.create_default_context(cafile=str(who.files.ca))
    context.load_cert_chain(who.files.certificate, who.files.key)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", world.running.bound.port, ssl=context, server_hostname=server_name(DOMAIN)
    )
    writer.write(http2_call("/gslb.api.v1.Admin/GetStatus"))
    async with asyncio.timeout(DEADLINE_S):
        while not world.running.count("denied_total", method="GetStatus", reason="tls_version"):
            assert await reader.read(4096)
    writer.transport.abort()


def http2_call(path: str) -> bytes:
    """Preface, settings, and a call with an empty message (RFC 9113 3.4, 6; RFC 7541 6.2.2, literals)."""

    def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
        return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload

    def header(name: str, value: str) -> bytes:
        return b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()

    pairs = {
        ":method": "POST",
        ":scheme": "https",
        ":path": path,
        ":authority": server_name(DOMAIN),
        "content-type": "application/grpc",
        "te": "trailers",
    }
    headers = b"".join(header(name, value) for name, value in pairs.items())
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    return preface + frame(4, 0, 0, b"") + frame(1, 4, 1, headers) + frame(0, 1, 1, bytes(5))


async def test_the_right_ones_are_let_in(world: World) -> None:
    async with world.channel(world.pki.issue(Kind.OPERATOR, "vera")) as channel:
        assert (await look(channel)).coordinator == "c1"
        await reflect(channel)
    async with world.channel(world.pki.issue(Kind.AGENT, "eu/a1")) as channel:
        await GrpcHealthStub(channel).Check(HealthCheckRequest(), timeout=DEADLINE_S)
        call = HealthStub(channel).Exchange()
        hello = health_pb2.AgentHello(agent="eu/a1", boot=1, version="t")
        await call.write(health_pb2.ExchangeRequest(hello=hello))
        assert (await call.read()).HasField("assignment")
        call.cancel()
    async with world.channel(world.pki.issue(Kind.DNS, "ns1")) as channel:
        subscription = DiscoveryStub(channel).Subscribe()
        await subscription.write(discovery_pb2.SubscribeRequest(hello=discovery_pb2.DnsHello(name="ns1")))
        assert (await subscription.read()).IsInitialized()
        subscription.cancel()
    await drain(world.running.channel)
    assert len((await world.running.status()).overrides) == 1
