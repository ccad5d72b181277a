"""The http probe against scripted servers: what is sent, what counts as good, how each failure is named."""

from __future__ import annotations

import asyncio
import errno
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from support.agents import FINE, LOOPBACK, process, scripted
from support.monitors import HTTP, monitor

from gslb.core.errors import InvalidSnapshot
from gslb.core.facts import Cause
from gslb.core.monitors import HttpProbe
from site_agent import probe as kinds
from site_agent.attempt import Abandoned, Ended, Outcome, Question, attempt
from site_agent.probe.base import failure
from site_agent.probe.connection import Connection
from site_agent.probe.tls import TlsContexts
from site_agent.resolve import Resolver


async def ask(
    http: HttpProbe,
    port: int,
    *,
    host: str = "127.0.0.1",
    timeout_ms: int = 5000,
    crash: bool = False,
    kept: Connection | None = None,
) -> Outcome:
    made = kinds.make(monitor(http, port=port, crash=crash), host, TlsContexts())
    question = Question(probe=made, host=host, timeout_ms=timeout_ms, allow=LOOPBACK, kept=kept)
    return await attempt(question, Resolver())


async def ended(outcome: Outcome) -> tuple[Cause, str]:
    assert isinstance(outcome, Ended)
    if outcome.connection is not None:
        outcome.connection.close()
    return outcome.result.cause, outcome.result.detail


def head(request: bytes) -> tuple[str, dict[str, str]]:
    first, *rest = request.decode().removesuffix("\r\n\r\n").split("\r\n")
    return first, {name.lower(): value for name, value in (line.split(": ", 1) for line in rest)}


async def test_a_good_answer() -> None:
    async with scripted(FINE) as server:
        assert await ended(await ask(replace(HTTP, path="/healthz"), server.port)) == (Cause.OK, "status 200")
    first, fields = head(server.requests[0])
    assert first == "GET /healthz HTTP/1.1"
    assert fields["host"] == f"127.0.0.1:{server.port}"
    assert fields["connection"] == "close"


async def test_the_configured_host_is_sent_as_it_is() -> None:
    async with scripted(FINE) as server:
        await ask(replace(HTTP, host="www.example.com", method="HEAD"), server.port)
    first, fields = head(server.requests[0])
    assert first == "HEAD / HTTP/1.1"
    assert fields["host"] == "www.example.com"


async def test_ipv6() -> None:
    async with scripted(FINE, address="::1") as server:
        assert await ended(await ask(HTTP, server.port, host="::1")) == (Cause.OK, "status 200")
    assert head(server.requests[0])[1]["host"] == f"[::1]:{server.port}"


async def test_a_host_name_is_resolved() -> None:
    async with scripted(FINE) as server:
        assert await ended(await ask(HTTP, server.port, host="localhost")) in [
            (Cause.OK, "status 200"),
            (Cause.REFUSED, "connection refused"),  # where the system prefers ::1
        ]


async def test_a_name_without_address() -> None:
    cause, detail = await ended(await ask(HTTP, 80, host="nowhere.invalid"))
    assert cause in (Cause.NAME, Cause.TIMEOUT)  # a machine without any resolver may also just wait
    assert "name" in detail or "'nowhere.invalid' not resolved" in detail


BAD_ANSWERS = [
    (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", Cause.STATUS, "status 503, wanted 200-299, 404"),
    (
        b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
        Cause.STATUS,
        "status 302, wanted 200-299, 404",
    ),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npoor", Cause.BODY, "status 200, but the body lacks 'fine'"),
    (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", Cause.PROTOCOL, "not HTTP: illegal status line"),
    (b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"x" * 20_000, Cause.PROTOCOL, "not HTTP: receive buffer too long"),
]


@pytest.mark.parametrize(("answer", "cause", "detail"), BAD_ANSWERS)
async def test_a_bad_answer(answer: bytes, cause: Cause, detail: str) -> None:
    http = replace(HTTP, status=((200, 299), (404, 404)), body="fine")
    async with scripted(answer) as server:
        found = await ended(await ask(http, server.port))
    assert found[0] is cause
    assert found[1].startswith(detail)


async def test_status_ranges() -> None:
    async with scripted(b"HTTP/1.1 404 Gone\r\nContent-Length: 0\r\n\r\n") as server:
        assert (await ended(await ask(replace(HTTP, status=((200, 299), (404, 404))), server.port)))[0] is Cause.OK


@pytest.mark.parametrize(
    ("body", "cause"),
    [(b"x" * 65_000 + b"fine" + b"x" * 90_000, Cause.OK), (b"x" * 65_536 + b"fine" + b"x" * 90_000, Cause.BODY)],
)
async def test_text_counts_within_the_first_64_kib(body: bytes, cause: Cause) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    async with scripted(answer) as server:
        outcome = await ask(replace(HTTP, body="fine"), server.port, crash=True)
    assert isinstance(outcome, Ended)
    assert outcome.result.cause is cause
    assert outcome.connection is None  # the rest of the body would still come


CLOSERS = [
    (b"", Cause.RESET, "connection closed before an answer"),
    (b"HTTP/1.1 200 OK\r\nContent-", Cause.RESET, "connection closed within the answer"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfine", Cause.RESET, "connection closed within the answer"),
    (b"HTTP/1.0 200 OK\r\n\r\nfine", Cause.OK, "status 200"),
]


@pytest.mark.parametrize(("answer", "cause", "detail"), CLOSERS)
async def test_a_server_that_closes(answer: bytes, cause: Cause, detail: str) -> None:
    async def close(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.write_eof()

    async with scripted(close) as server:
        assert await ended(await ask(replace(HTTP, body="fine"), server.port, crash=True)) == (cause, detail)


SLOW = [
    (b"", "no answer within 60 ms"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfi", "no end of the answer within 60 ms"),
]


@pytest.mark.parametrize(("answer", "detail"), SLOW)
async def test_a_slow_server(answer: bytes, detail: str) -> None:
    async with scripted(answer) as server:
        found = await ended(await ask(replace(HTTP, body="fine"), server.port, timeout_ms=60))
    assert found == (Cause.TIMEOUT, detail)


async def test_nobody_listens() -> None:
    async with scripted(FINE) as server:
        pass
    assert await ended(await ask(HTTP, server.port)) == (Cause.REFUSED, "connection refused")


async def test_no_second_request_without_keep() -> None:
    async with scripted(FINE) as server:
        first = await ask(HTTP, server.port, crash=True)
        assert isinstance(first, Ended)
        second = await ask(HTTP, server.port, crash=True, kept=first.connection)
        assert isinstance(second, Ended)
        assert second.connection is not first.connection
        for outcome in (first, second):
            assert outcome.connection is not None
            outcome.connection.close()
    assert head(server.requests[0])[1]["connection"] == "keep-alive"
    assert server.connections == 2


async def test_keep_asks_on_the_same_connection() -> None:
    async with scripted(FINE) as server:
        first = await ask(replace(HTTP, keep=True), server.port)
        assert isinstance(first, Ended)
        second = await ask(replace(HTTP, keep=True), server.port, kept=first.connection)
        assert isinstance(second, Ended)
        assert second.connection is first.connection is not None
        second.connection.close()
    assert (server.connections, len(server.requests)) == (1, 2)


async def test_a_kept_connection_that_closes_as_we_ask_costs_nothing() -> None:
    """The server closes it at the second request, as servers with idle time-outs do now and then."""

    async def once(_: bytes, writer: asyncio.StreamWriter) -> None:
        if len(server.requests) == 2:
            writer.transport.abort()
        else:
            writer.write(FINE)

    async with scripted(once) as server:
        first = await ask(replace(HTTP, keep=True), server.port)
        assert isinstance(first, Ended)
        second = await ask(replace(HTTP, keep=True), server.port, kept=first.connection)
        assert await ended(second) == (Cause.OK, "status 200")
    assert (server.connections, len(server.requests)) == (2, 3)


async def test_what_comes_unasked_spoils_a_kept_connection() -> None:
    async def twice(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(FINE + b"HTTP/1.1 408 Too Slow\r\nContent-Length: 0\r\n\r\n")

    async with scripted(twice) as server:
        outcome = await ask(replace(HTTP, keep=True), server.port)
    assert isinstance(outcome, Ended)
    assert outcome.result.cause is Cause.OK
    assert outcome.connection is None


def test_a_request_that_cannot_be_sent_is_refused_with_its_monitor() -> None:
    with pytest.raises(InvalidSnapshot, match="monitor 'web'"):
        kinds.make(monitor(replace(HTTP, path="/a b")), "127.0.0.1", TlsContexts())


def test_faults_of_the_agent_blame_nobody() -> None:
    assert failure(OSError(errno.EMFILE, "Too many open files")) is None
    unreachable = failure(OSError(errno.EHOSTUNREACH, "No route to host"))
    assert unreachable is not None
    assert (unreachable.cause, unreachable.detail) == (Cause.UNREACHABLE, "no route to host")


async def test_no_file_descriptor_left_is_not_the_targets_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    async def exhausted(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", exhausted)
    assert await ask(HTTP, 80) == Abandoned(reason="resources")


# TLS


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    made = trustme.CA(key_type=trustme.KeyType.ECDSA)
    made.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return made


@asynccontextmanager
async def secure(
    authority: trustme.CA, *names: str, ends: datetime | None = None
) -> AsyncIterator[tuple[int, list[str | None]]]:
    """A TLS server; yields its port and the server names it was asked for."""
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, not_after=ends, key_type=trustme.KeyType.ECDSA).configure_cert(context)
    context.sni_callback = lambda _, name, __: asked.append(name)
    async with scripted(FINE, tls=context) as server:
        yield server.port, asked


async def test_tls_checks_the_name_of_the_host(authority: trustme.CA) -> None:
    async with secure(authority, "www.example.com") as (port, asked):
        assert (await ended(await ask(replace(HTTP, tls=True, host="www.example.com:8443"), port)))[0] is Cause.OK
        wrong = await ended(await ask(replace(HTTP, tls=True, host="other.example.com"), port))
    assert asked == ["www.example.com", "other.example.com"]
    assert wrong[0] is Cause.TLS
    assert wrong[1].startswith("certificate refused: hostname mismatch")


async def test_tls_prefers_sni(authority: trustme.CA) -> None:
    async with secure(authority, "inner.example.com") as (port, asked):
        http = replace(HTTP, tls=True, host="www.example.com", sni="inner.example.com")
        assert (await ended(await ask(http, port)))[0] is Cause.OK
    assert asked == ["inner.example.com"]


async def test_tls_to_an_address(authority: trustme.CA) -> None:
    async with secure(authority, "127.0.0.1") as (port, asked):
        assert (await ended(await ask(replace(HTTP, tls=True), port)))[0] is Cause.OK
    assert asked == [None]


async def test_an_unknown_authority(authority: trustme.CA) -> None:
    async with secure(trustme.CA(), "www.example.com") as (port, _):
        http = replace(HTTP, tls=True, host="www.example.com")
        cause, detail = await ended(await ask(http, port))
        assert cause is Cause.TLS
        assert detail.startswith("certificate refused: unable to get local issuer certificate")
        assert (await ended(await ask(replace(http, verify=False), port)))[0] is Cause.OK


async def test_an_expired_certificate(authority: trustme.CA) -> None:
    async with secure(authority, "127.0.0.1", ends=datetime(2020, 1, 1, tzinfo=UTC)) as (port, _):
        found = await ended(await ask(replace(HTTP, tls=True), port))
    assert found == (Cause.TLS, "certificate refused: certificate has expired")


async def test_no_tls_at_all(authority: trustme.CA) -> None:
    async with scripted(FINE) as server:
        cause, detail = await ended(await ask(replace(HTTP, tls=True), server.port, timeout_ms=200))
    assert (cause, detail) == (Cause.TIMEOUT, "no TLS connection within 200 ms")


async def test_an_answer_that_is_not_tls(authority: trustme.CA) -> None:
    async with scripted(FINE, greeting=b"220 mail.example.com ready\r\n") as server:
        cause, detail = await ended(await ask(replace(HTTP, tls=True), server.port))
    assert cause is Cause.TLS
    assert detail == "TLS failed: wrong version number"


async def test_a_hung_process_is_a_time_out() -> None:
    async with process() as server:
        server.stop()
        assert await ended(await ask(HTTP, server.port, timeout_ms=100)) == (Cause.TIMEOUT, "no answer within 100 ms")
        server.go_on()
        assert await ended(await ask(HTTP, server.port)) == (Cause.OK, "status 200")
