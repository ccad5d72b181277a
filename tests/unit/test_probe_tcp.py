"""The tcp probe: the connection opens, and with TLS the handshake completes."""

from __future__ import annotations

import ssl
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from support.agents import FINE, LOOPBACK, process, scripted
from support.monitors import TCP, monitor

from gslb.core.facts import Cause
from gslb.core.monitors import TcpProbe
from site_agent import probe as kinds
from site_agent.attempt import Ended, Question, attempt
from site_agent.probe.tls import TlsContexts
from site_agent.resolve import Resolver


async def ask(tcp: TcpProbe, port: int, *, crash: bool = False, timeout_ms: int = 5000) -> Ended:
    made = kinds.make(monitor(tcp, port=port, crash=crash), "127.0.0.1", TlsContexts())
    question = Question(probe=made, host="127.0.0.1", timeout_ms=timeout_ms, allow=LOOPBACK, kept=None)
    outcome = await attempt(question, Resolver())
    assert isinstance(outcome, Ended)
    return outcome


async def test_it_connects_and_closes() -> None:
    async with scripted(FINE) as server:
        outcome = await ask(TCP, server.port)
    assert (outcome.result.cause, outcome.result.detail) == (Cause.OK, "connected")
    assert outcome.connection is None


async def test_with_crash_watch_the_connection_stays_open() -> None:
    async with scripted(FINE) as server:
        outcome = await ask(TCP, server.port, crash=True)
        assert outcome.connection is not None
        assert outcome.connection.is_fresh
        outcome.connection.close()


async def test_refused() -> None:
    async with scripted(FINE) as server:
        pass
    outcome = await ask(TCP, server.port)
    assert (outcome.result.cause, outcome.result.detail) == (Cause.REFUSED, "connection refused")


async def test_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("db.example.com", key_type=trustme.KeyType.ECDSA).configure_cert(context)
    async with scripted(FINE, tls=context) as server:
        good = await ask(replace(TCP, tls=True, sni="db.example.com"), server.port)
        bad = await ask(replace(TCP, tls=True), server.port)
    assert (good.result.cause, good.result.detail) == (Cause.OK, "TLS connected")
    assert bad.result.cause is Cause.TLS


async def test_a_hung_process_still_connects_but_shakes_no_hands() -> None:
    async with process() as server:
        server.stop()
        assert (await ask(TCP, server.port)).result.cause is Cause.OK
        outcome = await ask(replace(TCP, tls=True), server.port, timeout_ms=100)
        server.go_on()
    assert (outcome.result.cause, outcome.result.detail) == (Cause.TIMEOUT, "no TLS connection within 100 ms")
