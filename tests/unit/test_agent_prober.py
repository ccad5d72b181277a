"""The prober with real sockets: crash watch on processes killed for real, hangs, assignments that change."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest
import trustme
from support.agents import FINE, assignment, process, scripted, target, working
from support.monitors import HTTP, TCP, monitor, tcp_monitor
from support.waiting import until

from gslb.core.facts import Cause, State, Verdict
from gslb.core.monitors import HttpProbe, TcpProbe
from gslb.runtime.clock import monotonic_s

SLOW_MS = 600_000
"""An interval that never ends in a test: what happens then, happens because of the crash watch."""


@pytest.mark.parametrize("probe", [HTTP, replace(HTTP, keep=True), TCP], ids=["http", "kept", "tcp"])
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_a_killed_process_is_down_at_once(probe: HttpProbe | TcpProbe, address: str) -> None:
    async with process(address=address) as server, working() as work:
        one = target(address)
        rules = monitor(probe, port=server.port, interval_ms=SLOW_MS, fall=5)
        work.prober.assign(assignment((one, rules)))
        await work.until(one, Verdict.UP)
        server.kill()
        started_s = monotonic_s()
        health = await work.until(one, Verdict.DOWN)
        assert monotonic_s() - started_s < 1
        assert health.cause in (Cause.REFUSED, Cause.RESET)
        assert work.count("gslb_agent_watched_connections_lost_total", outcome="crash") == 1
        assert work.prober.states == bytes([health.state.octet])


async def test_a_killed_process_is_down_at_once_over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    certificate = tmp_path / "server.pem"
    authority.issue_cert("127.0.0.1", key_type=trustme.KeyType.ECDSA).private_key_and_cert_chain_pem.write_to_path(
        str(certificate)
    )
    async with process(certificate=certificate) as server, working() as work:
        one, rules = target(), monitor(replace(HTTP, tls=True), port=server.port, interval_ms=SLOW_MS, fall=5)
        work.prober.assign(assignment((one, rules)))
        await work.until(one, Verdict.UP)
        server.kill()
        await work.until(one, Verdict.DOWN)
        assert work.count("gslb_agent_watched_connections_lost_total", outcome="crash") == 1


async def test_a_server_that_closes_is_confirmed_twice_and_then_ignored() -> None:
    async def close_soon(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(FINE)
        writer.write_eof()

    async with scripted(close_soon) as server, working() as work:
        one, rules = target(), monitor(HTTP, port=server.port, interval_ms=SLOW_MS)
        work.prober.assign(assignment((one, rules)))
        await until(lambda: work.count("gslb_agent_watched_connections_lost_total", outcome="ignored") > 0)
        assert work.count("gslb_agent_watched_connections_lost_total", outcome="harmless") == 2
        assert len(server.requests) == 3
        assert work.health(one).verdict is Verdict.UP
        assert work.health(one).failures == 0
        assert work.changes == [one]


async def test_without_crash_watch_a_loss_means_nothing() -> None:
    async with process() as server, working() as work:
        one, rules = target(), monitor(replace(HTTP, keep=True), port=server.port, interval_ms=SLOW_MS, crash=False)
        work.prober.assign(assignment((one, rules)))
        await work.until(one, Verdict.UP)
        server.kill()
        await until(lambda: work.count("gslb_agent_watched_connections_lost_total", outcome="ignored") == 1)
        assert work.health(one).verdict is Verdict.UP


async def test_a_hung_process_is_down_after_its_time_outs_and_recovers() -> None:
    async with process() as server, working() as work:
        one = target()
        rules = monitor(HTTP, port=server.port, interval_ms=200, timeout_ms=100, hold_ms=300, rise=2)
        work.prober.assign(assignment((one, rules)))
        await work.until(one, Verdict.UP)
        server.stop()
        health = await work.until(one, Verdict.DOWN)
        assert (health.cause, health.detail) == (Cause.TIMEOUT, "no answer within 100 ms")
        server.go_on()
        await work.until(one, Verdict.RECOVERING)
        health = await work.until(one, Verdict.UP)
        assert health.flaps(health.since_ms) == 1
        assert work.count("gslb_agent_probes_total", kind="http", cause="timeout") >= 2


async def test_a_denied_target_is_unknown_with_its_reason() -> None:
    async with scripted(FINE) as server, working() as work:
        one, rules = target(), monitor(HTTP, port=server.port)
        work.prober.assign(assignment((one, rules), allow=False))
        await until(lambda: work.prober.is_settled)
        health = work.health(one)
        assert health.state == State(Verdict.UNKNOWN, Cause.DENIED)
        assert health.detail == (
            "not probed: 127.0.0.1 is a loopback address, and the site's probe_allow does not cover it"
        )
        assert work.count("gslb_agent_probes_denied_total") == 1
        assert server.connections == 0


async def test_an_agent_probes_nothing_beyond_its_own_bounds() -> None:
    async with scripted(FINE) as server, working(only=(ip_network("10.0.0.0/8"),)) as work:
        one, rules = target(), monitor(HTTP, port=server.port)
        work.prober.assign(assignment((one, rules)))
        await until(lambda: work.prober.is_settled)
        assert work.health(one).state == State(Verdict.UNKNOWN, Cause.DENIED)
        assert server.connections == 0


async def test_a_name_is_checked_at_the_address_it_resolves_to() -> None:
    async with scripted(FINE) as server, working() as work:
        one, rules = target("localhost"), monitor(HTTP, port=server.port)
        work.prober.assign(assignment((one, rules), allow=False))
        await until(lambda: work.health(one).cause is Cause.DENIED)
        assert server.connections == 0


async def test_the_prober_settles_when_every_target_has_a_result() -> None:
    async with scripted(FINE) as server, process() as hung, working() as work:
        hung.stop()
        good, bad = target(endpoint="good"), target(endpoint="hung", monitor="slow")
        work.prober.assign(
            assignment(
                (good, monitor(HTTP, port=server.port)),
                (bad, monitor(HTTP, name="slow", port=hung.port, timeout_ms=300)),
            )
        )
        await work.until(good, Verdict.UP)
        assert not work.prober.is_settled
        await work.until(bad, Verdict.DOWN)
        assert work.prober.is_settled
        assert work.prober.states == bytes(work.health(one).state.octet for one in (good, bad))


async def test_a_target_that_leaves_is_not_waited_for() -> None:
    async with scripted(FINE) as server, process() as hung, working() as work:
        hung.stop()
        good, bad = target(endpoint="good"), target(endpoint="hung", monitor="slow")
        rules = monitor(HTTP, port=server.port)
        slow = monitor(HTTP, name="slow", port=hung.port, timeout_ms=60_000)
        work.prober.assign(assignment((good, rules), (bad, slow)))
        await work.until(good, Verdict.UP)
        work.prober.assign(assignment((good, rules), config=2))
        assert work.prober.is_settled


async def test_targets_that_stay_keep_their_verdict_new_ones_are_unknown() -> None:
    async with scripted(FINE) as server, working() as work:
        old, new = target(endpoint="b"), target(endpoint="a")
        rules = monitor(HTTP, port=server.port, interval_ms=SLOW_MS)
        work.prober.assign(assignment((old, rules)))
        since_ms = (await work.until(old, Verdict.UP)).since_ms
        work.prober.assign(assignment((new, rules), (old, rules), config=2))
        assert work.prober.is_settled
        assert work.prober.states == bytes(
            [State(Verdict.UNKNOWN, Cause.NONE).octet, State(Verdict.UP, Cause.OK).octet]
        )
        await work.until(new, Verdict.UP)
        assert work.health(old).since_ms == since_ms
        assert [seen.index for seen in work.prober.seen([old, new])] == [0, 1]


async def test_a_changed_monitor_keeps_the_verdict_until_results_say_otherwise() -> None:
    async with scripted(FINE) as server, working() as work:
        one, rules = target(), monitor(replace(HTTP, body="fine"), port=server.port, interval_ms=200)
        work.prober.assign(assignment((one, rules)))
        await work.until(one, Verdict.UP)
        changed = replace(rules, probe=replace(HTTP, body="other"))
        work.prober.assign(assignment((one, changed), config=2))
        assert work.health(one).verdict is Verdict.UP
        health = await work.until(one, Verdict.DOWN)
        assert health.detail == "status 200, but the body lacks 'other'"


async def test_a_tcp_monitor_finds_the_port_closed() -> None:
    async with scripted(FINE) as server:
        pass
    async with working() as work:
        one = target()
        work.prober.assign(assignment((one, replace(tcp_monitor(), port=server.port))))
        health = await work.until(one, Verdict.DOWN)
        assert (health.cause, health.detail) == (Cause.REFUSED, "connection refused")
        assert work.count("gslb_agent_probes_total", kind="tcp", cause="refused") == 1


async def test_from_outside_only_what_was_seen_up_is_reported_down() -> None:
    async with scripted(FINE) as gone:
        pass
    async with process() as server, working() as work:
        never, lost = replace(target(monitor="gone"), home="eu"), replace(target(), home="eu")
        rules = monitor(HTTP, port=server.port, interval_ms=SLOW_MS)
        work.prober.assign(assignment((never, replace(rules, name="gone", port=gone.port)), (lost, rules)))
        await work.until(never, Verdict.DOWN)
        await work.until(lost, Verdict.UP)
        assert work.prober.states[0] == State(Verdict.UNKNOWN, Cause.REFUSED).octet
        server.kill()
        health = await work.until(lost, Verdict.DOWN)
        assert work.prober.states[1] == health.state.octet


async def test_an_observer_that_restarts_while_a_member_is_lost_says_so(tmp_path: Path) -> None:
    seen, lost = tmp_path / "seen", replace(target(), home="eu")
    async with process() as server:
        rules = monitor(HTTP, port=server.port, interval_ms=SLOW_MS)
        async with working(seen) as work:
            work.prober.assign(assignment((lost, rules)))
            await work.until(lost, Verdict.UP)
            await until(seen.exists)
        server.kill()
        for file, verdict in ((seen, Verdict.DOWN), (tmp_path / "none", Verdict.UNKNOWN)):
            async with working(file) as work:
                work.prober.assign(assignment((lost, rules)))
                await work.until(lost, Verdict.DOWN)
                assert State.from_octet(work.prober.states[0]).verdict is verdict
