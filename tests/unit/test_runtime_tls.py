"""TLS between processes: plain text stays on this machine, certificates reload, their end is seen coming."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
import structlog
from prometheus_client import CollectorRegistry
from support.certificates import Pki, now
from support.coordinators import DEADLINE_S, coordinator

from gslb.api.v1 import admin_pb2
from gslb.api.v1.admin_pb2_grpc import AdminStub
from gslb.core.identity.names import Kind
from gslb.pki.certificates import load_certificate
from gslb.pki.folder import renew_folder
from gslb.runtime import rpc
from gslb.runtime.addresses import SocketAddress
from gslb.runtime.expiry import WARN_EVERY_S, Expiry
from gslb.runtime.tls import PlaintextRefused, Security, UnusableCertificate, WrongCertificate

DAY_S = 86_400


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    return Pki(tmp_path / "pki")


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1", ":1"])
async def test_plain_text_on_this_machine(address: str) -> None:
    await rpc.channel(address).close()


@pytest.mark.parametrize("address", ["192.0.2.1:1", "0.0.0.0:1", "[::]:1", "coordinator.example:1"])
async def test_plain_text_to_others_only_if_asked_for(address: str) -> None:
    server = rpc.server()
    for refused in (rpc.channel, lambda address: rpc.listen(server, SocketAddress.parse(address))):
        with pytest.raises(PlaintextRefused, match=r"--tls DIR .* --plaintext"):
            refused(address)
    await rpc.channel(address, Security(plaintext=True)).close()


async def test_a_coordinator_does_not_start_in_the_open(tmp_path: Path) -> None:
    with pytest.raises(PlaintextRefused, match=r"0\.0\.0\.0"):
        async with coordinator(tmp_path, listen=SocketAddress("0.0.0.0", 0)):
            pytest.fail("it must not start")
    assert not (tmp_path / "coordinator").exists()


async def test_nor_with_a_certificate_of_another(tmp_path: Path, pki: Pki) -> None:
    for kind, name in ((Kind.COORDINATOR, "c2"), (Kind.DNS, "c1")):
        with pytest.raises(WrongCertificate, match="gslb pki issue coordinator c1"):
            async with coordinator(tmp_path, security=pki.issue(kind, name)):
                pytest.fail("it must not start")


async def test_only_a_coordinator_can_stand_for_one(tmp_path: Path, pki: Pki) -> None:
    """A stolen certificate of an agent, dns server or operator makes no server that others believe."""
    ours = pki.issue(Kind.OPERATOR, "admin")
    for kind, name in ((Kind.AGENT, "eu/a1"), (Kind.DNS, "ns1"), (Kind.OPERATOR, "eve")):
        server = rpc.server()
        port = rpc.listen(server, SocketAddress("127.0.0.1", 0), pki.issue(kind, name))
        await server.start()
        async with rpc.channel(f"127.0.0.1:{port}", ours) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await AdminStub(channel).GetStatus(admin_pb2.GetStatusRequest(), timeout=DEADLINE_S)
        assert error.value.code() is grpc.StatusCode.UNAVAILABLE
        await server.stop(0)


def test_a_key_that_others_can_read_is_refused(pki: Pki) -> None:
    files = pki.issue(Kind.DNS, "ns1").files
    assert files is not None
    files.key.chmod(0o604)
    with pytest.raises(UnusableCertificate, match="chmod"):
        files.load()


def test_a_missing_file_is_named_with_what_makes_it(pki: Pki) -> None:
    files = pki.issue(Kind.DNS, "ns1").files
    assert files is not None
    files.key.unlink()
    with pytest.raises(UnusableCertificate, match=r"key\.pem: No such file.*`gslb pki issue`"):
        files.load()


def test_a_key_of_another_certificate_is_refused(pki: Pki) -> None:
    files, other = pki.issue(Kind.DNS, "ns1").files, pki.issue(Kind.DNS, "ns2").files
    assert files is not None
    assert other is not None
    files.key.write_bytes(other.key.read_bytes())
    with pytest.raises(UnusableCertificate, match="not the key of"):
        files.load()
    assert "PRIVATE" not in repr(other.load())


@asynccontextmanager
async def serving(pki: Pki, folder: Path) -> AsyncIterator[tuple[Security, Security, int]]:
    """(the coordinator's certificate, an operator's, the port)."""
    ours, operator = pki.issue(Kind.COORDINATOR, "c1"), pki.issue(Kind.OPERATOR, "admin")
    async with coordinator(folder, security=ours, operator=operator) as running:
        yield ours, operator, running.bound.port


async def ask(channel: grpc.aio.Channel) -> None:
    await AdminStub(channel).GetStatus(admin_pb2.GetStatusRequest(), timeout=DEADLINE_S)


async def seen_serial(port: int, operator: Security) -> int:
    return await asyncio.to_thread(_seen_serial, port, operator)


def _seen_serial(port: int, operator: Security) -> int:
    """Of the certificate that the server shows to a new connection."""
    files = operator.files
    assert files is not None
    context = ssl.create_default_context(cafile=str(files.ca))
    context.load_cert_chain(files.certificate, files.key)
    context.check_hostname = False
    with socket.create_connection(("127.0.0.1", port)) as plain, context.wrap_socket(plain) as wrapped:
        shown = wrapped.getpeercert(binary_form=True)
    assert shown is not None
    return load_certificate(ssl.DER_cert_to_PEM_cert(shown).encode(), "").serial_number


@pytest.mark.parametrize("new_key", [False, True])
async def test_a_renewed_certificate_is_taken_without_a_restart(tmp_path: Path, pki: Pki, new_key: bool) -> None:
    async with serving(pki, tmp_path) as (ours, operator, port), rpc.channel(f"127.0.0.1:{port}", operator) as kept:
        await ask(kept)
        assert ours.files is not None
        renewed = renew_folder(pki.folder, ours.files.certificate.parent, now(), new_key=new_key)
        assert await seen_serial(port, operator) == renewed.serial_number
        await ask(kept)
        async with rpc.channel(f"127.0.0.1:{port}", operator) as another:
            await ask(another)


async def test_one_authority_follows_another_without_a_restart(tmp_path: Path, pki: Pki) -> None:
    """As docs/security.md says it: both are trusted, then all have certificates of the new one, then it alone is."""
    new, names = Pki(tmp_path / "new"), ((Kind.COORDINATOR, "c1"), (Kind.OPERATOR, "admin"))
    both = (pki.folder / "ca.pem").read_bytes() + (new.folder / "ca.pem").read_bytes()
    async with serving(pki, tmp_path) as (_, operator, port):

        async def everywhere(file: str, content: Callable[[Path], bytes]) -> None:
            for kind, name in names:
                (pki.folder / kind / name / file).write_bytes(content(new.folder / kind / name))
            await ask_anew(port, operator)

        await everywhere("ca.pem", lambda _: both)
        for kind, name in names:
            new.issue(kind, name)
            for file in ("key.pem", "cert.pem"):
                (pki.folder / kind / name / file).write_bytes((new.folder / kind / name / file).read_bytes())
            await ask_anew(port, operator)
        await everywhere("ca.pem", lambda place: (place / "ca.pem").read_bytes())
        stolen = pki.issue(Kind.OPERATOR, "eve")
        assert stolen.files is not None
        stolen.files.ca.write_bytes(both)
        with pytest.raises(grpc.aio.AioRpcError):
            await ask_anew(port, stolen)


async def ask_anew(port: int, operator: Security) -> None:
    async with rpc.channel(f"127.0.0.1:{port}", operator) as channel:
        await ask(channel)


async def test_a_handshake_that_nobody_goes_on_with_is_ended(tmp_path: Path, pki: Pki) -> None:
    """After 5 s; without that gRPC would wait for two minutes."""
    async with serving(pki, tmp_path) as (_, __, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(DEADLINE_S):
            assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


async def test_halfway_through_a_renewal_the_last_good_one_serves(tmp_path: Path, pki: Pki) -> None:
    async with serving(pki, tmp_path) as (ours, operator, port):
        assert ours.files is not None
        before = await seen_serial(port, operator)
        ours.files.key.write_text("half a key")
        assert await seen_serial(port, operator) == before
        async with rpc.channel(f"127.0.0.1:{port}", operator) as channel:
            await ask(channel)


def test_the_end_of_a_certificate_is_seen_coming(pki: Pki) -> None:
    security, registry = pki.issue(Kind.DNS, "ns1", days=20), CollectorRegistry()
    clock = int(now().timestamp())
    expiry = Expiry(security, registry, lambda: clock)
    steps = [(0, 0), (5 * DAY_S, 0), (6 * DAY_S + 60, 1), (6 * DAY_S + 120, 1), (6 * DAY_S + 61 + WARN_EVERY_S, 2)]
    start = clock
    with structlog.testing.capture_logs() as logs:
        for after_s, warnings in steps:
            clock = start + after_s
            expiry.look()
            assert len(logs) == warnings
        clock = start + 21 * DAY_S
        expiry.look()
    assert (logs[0]["log_level"], logs[0]["days"]) == ("warning", 13)
    assert logs[-1]["event"].startswith("certificate has expired")
    expires = registry.get_sample_value("gslb_certificate_expiry_timestamp_seconds")
    assert expires == pytest.approx(start + 20 * DAY_S, abs=60)


def test_a_renewal_moves_the_metric_and_a_broken_file_shows_as_zero(pki: Pki) -> None:
    security, registry = pki.issue(Kind.DNS, "ns1", days=2), CollectorRegistry()
    assert security.files is not None
    expiry = Expiry(security, registry, lambda: int(now().timestamp()))
    renew_folder(pki.folder, security.files.certificate.parent, now(), days=50)
    with structlog.testing.capture_logs() as logs:
        expiry.look()
        assert logs == []
        security.files.certificate.write_text("")
        expiry.look()
    assert registry.get_sample_value("gslb_certificate_expiry_timestamp_seconds") == 0
    assert logs[0]["event"] == "certificate cannot be used"


def test_a_process_without_certificate_shows_no_expiry() -> None:
    registry = CollectorRegistry()
    Expiry(Security(), registry, lambda: 0).look()
    assert list(registry.collect()) == []
