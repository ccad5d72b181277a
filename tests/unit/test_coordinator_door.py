"""The door: what the wrong people try, over unary and streaming calls, and what the right ones may do."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_health.v1.health_pb2_grpc import HealthStub as GrpcHealthStub
from structlog.testing import capture_logs
from support.attempts import (
    Try,
    apply,
    audit,
    clear,
    copy,
    drain,
    exchange,
    failback,
    forget,
    listen,
    look,
    reflect,
    refused,
    release,
    roll_back,
    subscribe,
)
from support.certificates import DOMAIN, Pki, now
from support.coordinators import DEADLINE_S
from support.secured import Secured, secured
from support.waiting import eventually

from gslb.api.v1 import discovery_pb2, health_pb2
from gslb.api.v1.discovery_pb2_grpc import DiscoveryStub
from gslb.api.v1.health_pb2_grpc import HealthStub
from gslb.coordinator.audit import remarks
from gslb.core.identity.access import AUDITED
from gslb.core.identity.names import Kind, server_name
from gslb.runtime import sparing
from gslb.runtime.tls import Security

Code = grpc.StatusCode


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Secured]:
    async with secured(tmp_path) as made:
        yield made


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
    ("an agent forgets", Kind.AGENT, "eu/a1", forget, Code.PERMISSION_DENIED, "ForgetAgent", "kind"),
    ("a viewer forgets", Kind.OPERATOR, "vera", forget, Code.PERMISSION_DENIED, "ForgetAgent", "role"),
    ("a viewer drains", Kind.OPERATOR, "vera", drain, Code.PERMISSION_DENIED, "SetOverride", "role"),
    ("a viewer clears", Kind.OPERATOR, "vera", clear, Code.PERMISSION_DENIED, "ClearOverride", "role"),
    ("a viewer rolls back", Kind.OPERATOR, "vera", roll_back, Code.PERMISSION_DENIED, "Rollback", "role"),
    ("a viewer ends a trial", Kind.OPERATOR, "vera", release, Code.PERMISSION_DENIED, "EndRollout", "role"),
    ("a viewer takes a copy", Kind.OPERATOR, "vera", copy, Code.PERMISSION_DENIED, "Backup", "role"),
    ("a viewer reads the trail", Kind.OPERATOR, "vera", audit, Code.PERMISSION_DENIED, "GetAudit", "role"),
    ("a dns server takes a copy", Kind.DNS, "ns1", copy, Code.PERMISSION_DENIED, "Backup", "kind"),
    ("a coordinator applies", Kind.COORDINATOR, "c2", apply, Code.PERMISSION_DENIED, "Apply", "kind"),
    ("a coordinator looks", Kind.COORDINATOR, "c2", look, Code.PERMISSION_DENIED, "GetStatus", "kind"),
    ("a coordinator subscribes", Kind.COORDINATOR, "c2", subscribe("c2"), Code.PERMISSION_DENIED, "Subscribe", "kind"),
    ("an agent listens as a peer", Kind.AGENT, "eu/a1", listen("c2"), Code.PERMISSION_DENIED, "Listen", "kind"),
    ("a dns server listens as a peer", Kind.DNS, "ns1", listen("c2"), Code.PERMISSION_DENIED, "Listen", "kind"),
    ("an operator listens as a peer", Kind.OPERATOR, "admin", listen("c2"), Code.PERMISSION_DENIED, "Listen", "kind"),
    ("another coordinator", Kind.COORDINATOR, "c2", listen("c1"), Code.PERMISSION_DENIED, "Listen", "other_name"),
]


async def test_the_right_certificate_in_the_wrong_place(
    world: Secured, subtests: pytest.Subtests, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is refused by name and counted; each that would have changed something leaves a line in the audit trail."""
    monkeypatch.setattr(remarks, "EVERY_S", 0)
    known = {(Kind.OPERATOR, "admin"): world.pki.of(Kind.OPERATOR, "admin")}
    for what, kind, name, attempt, code, method, reason in WRONG:
        with subtests.test(what):
            if (kind, name) not in known:
                known[kind, name] = world.pki.issue(kind, name)
            before = world.running.count("denied_total", method=method, reason=reason)
            async with world.channel(known[kind, name]) as channel:
                error, tries = await refused(attempt, channel)
            assert error.code() is code
            assert f"{kind}/{name}" in error.details()
            assert world.running.count("denied_total", method=method, reason=reason) == before + tries
    assert not (await world.running.status()).overrides
    tried = {(f"{kind}/{name}", method) for _, kind, name, _, _, method, _ in WRONG if method in WRITTEN_DOWN}
    assert len(tried) > 10

    async def is_written_down() -> bool:
        return await refusals(world) == tried

    await eventually(is_written_down)


WRITTEN_DOWN = {path.rpartition("/")[2] for path in AUDITED}


async def refusals(world: Secured) -> set[tuple[str, str]]:
    """Who has tried what, as the audit trail has it."""
    entries = (await audit(world.running.channel)).entries
    return {(one.who, one.action) for one in entries if one.outcome.startswith("refused: ")}


async def test_no_stranger_fills_the_disk_with_log_lines(world: Secured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparing, "MOST_A_SECOND", 0)
    with capture_logs() as logs:
        async with world.channel(world.pki.issue(Kind.AGENT, "eu/a1")) as channel:
            with pytest.raises(grpc.aio.AioRpcError):
                await look(channel)
    assert not logs
    assert world.running.count("denied_total", method="GetStatus", reason="kind") == 1
    assert world.running.count("refused_total", method="GetStatus", code="PERMISSION_DENIED") == 1


async def test_a_stolen_agent_cannot_report_for_another_site_on_its_own_stream(world: Secured) -> None:
    async with world.channel(world.pki.issue(Kind.AGENT, "eu/a1")) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await exchange("eu/a1", report="us/a1")(channel)
    assert error.value.code() is Code.INVALID_ARGUMENT
    assert world.running.count("refused_total", method="Exchange", code="INVALID_ARGUMENT") == 1
    assert [agent.agent for site in (await world.running.status()).sites for agent in site.agents] == ["eu/a1"]


async def test_whom_tls_itself_turns_away(world: Secured, tmp_path: Path, subtests: pytest.Subtests) -> None:
    day = datetime.timedelta(days=1)
    agent = world.pki.issue(Kind.AGENT, "eu/a1")
    strangers: list[tuple[str, Security | None, bool]] = [
        ("no certificate", None, False),
        ("plain text", None, True),
        ("signed by an agent", world.pki.forge("x", [f"spiffe://{DOMAIN}/operator/admin"], agent), False),
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


async def test_older_tls_is_refused(world: Secured) -> None:
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


async def test_the_right_ones_are_let_in(world: Secured) -> None:
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
