"""The Health service: who is let in, what agents are told, and what becomes of their reports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import grpc
import pytest
from support.coordinators import CONFIG, DOWN, UP, Running, assignment, coordinator, ended, files

from gslb.api.v1 import health_pb2 as pb
from gslb.api.v1.health_pb2_grpc import HealthStub
from gslb.codec.facts import load_order
from gslb.coordinator.relay import streams
from gslb.coordinator.relay.agents import MAX_AGENTS_PER_SITE


@pytest.fixture
async def empty(tmp_path: Path) -> AsyncIterator[Running]:
    async with coordinator(tmp_path) as running:
        yield running


@pytest.fixture
async def running(empty: Running) -> Running:
    await empty.applied()
    return empty


def hello(agent: str) -> pb.ExchangeRequest:
    return pb.ExchangeRequest(hello=pb.AgentHello(agent=agent, boot=1))


async def refused(running: Running, *messages: pb.ExchangeRequest, half_close: bool = False) -> grpc.aio.AioRpcError:
    """What a stream that sends `messages` ends with."""
    call = HealthStub(running.channel).Exchange()
    for message in messages:
        await call.write(message)
    if half_close:
        await call.done_writing()
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await assignment(call)
    return error.value


async def test_an_agent_is_told_what_its_site_probes(running: Running) -> None:
    async with running.agent("us/a1") as agent:
        assert [target.address for target in agent.assignment.targets] == ["192.0.2.10", "192.0.2.11"]
        assert [monitor.name for monitor in agent.assignment.monitors] == ["web"]
        assert load_order(agent.assignment.order).config == 1
    async with running.agent("witness/a1") as agent:
        assert not agent.assignment.targets


async def test_an_unknown_site_is_named_with_the_nearest(running: Running) -> None:
    error = await refused(running, hello("witnes/a1"))
    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert error.details() == "no site 'witnes' in the configuration: did you mean `witness`?"
    assert running.count("refused_total", method="Exchange", code="NOT_FOUND") == 1


@pytest.mark.parametrize("name", ["", "us", "us/", "/a1", "us/" + "x" * 200])
async def test_a_bad_name_is_refused(running: Running, name: str) -> None:
    error = await refused(running, hello(name))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "SITE/NAME" in (error.details() or "")


async def test_hello_comes_first(running: Running) -> None:
    error = await refused(running, pb.ExchangeRequest(evidence=pb.Evidence()))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    error = await refused(running, half_close=True)
    assert error.details() == "the stream ended without a `hello`: send it first"


async def test_hello_comes_in_time(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "FIRST_MESSAGE_TIMEOUT_S", 0.05)
    error = await refused(running)
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert running.count("refused_total", method="Exchange", code="DEADLINE_EXCEEDED") == 1


async def test_before_any_configuration_an_agent_waits_for_one(empty: Running) -> None:
    known, unknown = HealthStub(empty.channel).Exchange(), HealthStub(empty.channel).Exchange()
    await known.write(hello("us/a1"))
    await unknown.write(hello("asia/a1"))
    waiting = asyncio.ensure_future(assignment(known))
    await empty.applied()
    assert len((await waiting).targets) == 2
    with pytest.raises(grpc.aio.AioRpcError, match="no site 'asia'"):
        await assignment(unknown)
    known.cancel()


async def test_only_a_change_of_its_own_site_brings_a_new_assignment(running: Running) -> None:
    async with running.agent("us/a1") as agent:
        await running.applied(files(CONFIG.replace('"one"', '"two"')))
        await running.applied(files(CONFIG.replace("address: 198.51.100.10", "address: 198.51.100.11")))
        await running.applied(files(CONFIG.replace("address: 192.0.2.11", "address: 192.0.2.12")))
        changed = await agent.next_assignment()
        assert load_order(changed.order).config == 4
        assert [target.address for target in changed.targets] == ["192.0.2.10", "192.0.2.12"]
        await running.applied(files(CONFIG.replace("port: 80", "port: 81")))
        assert (await agent.next_assignment()).monitors[0].port == 81
        allowed = CONFIG.replace("{name: us, ", "{name: us, probe_allow: [127.0.0.0/8], ")
        await running.applied(files(allowed))
        assert (await agent.next_assignment()).probe_allow == ["127.0.0.0/8"]


async def test_a_site_that_leaves_the_configuration_ends_its_agents_streams(running: Running) -> None:
    async with running.agent("witness/a1") as agent, running.dns_server("d") as dns:
        await agent.report()
        await dns.until(lambda: "witness/a1" in dns.facts.reports)
        await running.applied(files("\n".join(line for line in CONFIG.splitlines() if "witness" not in line)))
        with pytest.raises(grpc.aio.AioRpcError, match="no site 'witness'"):
            await agent.next_assignment()
        await dns.until(lambda: bool(dns.beats) and "witness/a1" not in dns.beats[-1].heard)


async def test_an_agent_speaks_for_itself_only(running: Running) -> None:
    async with running.agent("us/a1") as agent:
        await agent.report(UP, UP, agent="us/a2")
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await agent.next_assignment()
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert error.value.details() == "a report of 'us/a2' on the stream of 'us/a1': each agent needs its own"
    assert running.count("reports_total", site="us", outcome="merged") == 0


async def test_a_malformed_report_ends_the_stream(running: Running) -> None:
    async with running.agent("us/a1") as agent:
        await agent.report(UP, UP, layout=b"short")
        with pytest.raises(grpc.aio.AioRpcError, match="layout has 5 octets") as error:
            await agent.next_assignment()
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_late_and_repeated_reports_lose_and_are_counted(running: Running) -> None:
    async with running.agent("us/a1") as agent, running.dns_server("d") as dns:
        await agent.report(UP, DOWN, sequence=5)
        await agent.report(UP, UP, sequence=4)
        await agent.report(UP, DOWN, sequence=5)
        await agent.report(DOWN, DOWN, sequence=6)
        await dns.until(lambda: bool(dns.updates) and dns.updates[-1].sequence == 6)
    assert {report.sequence for report in dns.updates} <= {5, 6}
    assert running.count("reports_total", site="us", outcome="merged") == 2
    assert running.count("reports_total", site="us", outcome="late") == 2
    assert running.count("relays_total", site="us") == 2


async def test_a_register_without_news_is_not_relayed(running: Running) -> None:
    async with running.agent("us/a1") as agent, running.dns_server("d") as dns:
        for _ in range(5):
            await agent.report(UP, UP)
        await agent.report(UP, DOWN)
        await dns.until(lambda: bool(dns.updates) and dns.updates[-1].sequence == 6)
    assert {report.sequence for report in dns.updates} <= {1, 6}
    assert running.count("relays_total", site="us") == 2
    assert running.count("reports_total", site="us", outcome="merged") == 6


async def test_a_site_has_room_for_so_many_agents(running: Running) -> None:
    calls = []
    for number in range(MAX_AGENTS_PER_SITE):
        call = HealthStub(running.channel).Exchange()
        await call.write(hello(f"us/a{number}"))
        calls.append(call)
    for call in calls:
        await assignment(call)
    error = await refused(running, hello("us/one-too-many"))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    async with running.agent("eu/a1"):
        pass
    for call in calls:
        call.cancel()


async def test_half_closing_ends_the_stream_well(running: Running) -> None:
    async with running.agent("us/a1") as agent:
        await agent.call.done_writing()
        await ended(agent.call)
        assert await agent.call.code() is grpc.StatusCode.OK


async def test_evidence_that_fits_no_target_is_counted(running: Running) -> None:
    async with running.agent("us/a1") as agent, running.dns_server("d") as dns:
        await agent.evidence({1: "refused", 2: "no such"})
        await agent.report(UP, DOWN)
        await dns.until(lambda: bool(dns.updates))
        pools = {pool.name: pool for pool in (await running.status()).pools}
    assert [member.detail for member in pools["web-us"].members] == ["", "refused"]
    assert running.count("evidence_dropped_total") == 1


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        ({"targets": [0, 1], "details": [0]}, "the columns of evidence differ in length"),
        ({"targets": [0], "details": [1]}, "evidence names a text that is not in it"),
        ({"targets": [], "details": []}, "the columns of evidence differ in length"),
    ],
)
async def test_evidence_that_makes_no_sense_ends_the_stream(
    running: Running, columns: Mapping[str, list[int]], fault: str
) -> None:
    async with running.agent("us/a1") as agent:
        zeros = [0] * len(columns["targets"])
        others = {"latencies_us": zeros, "verdict_ages_ms": zeros, "probe_ages_ms": zeros, "flaps": zeros}
        message = pb.Evidence(layout=agent.assignment.layout, texts=["refused"], **columns, **others)
        await agent.call.write(pb.ExchangeRequest(evidence=message))
        with pytest.raises(grpc.aio.AioRpcError, match=fault) as caught:
            await ended(agent.call)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
