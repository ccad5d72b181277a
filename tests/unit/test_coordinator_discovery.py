"""The Discovery service: what dns servers are told and when, and what they tell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from support.coordinators import CONFIG, DEADLINE_S, DOWN, UP, DnsServer, Running, coordinator, ended, files, to_the_end

from gslb.api.v1 import discovery_pb2 as pb
from gslb.api.v1.admin_pb2 import GetStatusResponse
from gslb.api.v1.discovery_pb2_grpc import DiscoveryStub
from gslb.codec.facts import dump_order
from gslb.codec.snapshot import refs
from gslb.coordinator.relay import streams
from gslb.core.facts import digest
from gslb.core.model import RRset
from gslb.core.order import Order


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with coordinator(tmp_path) as started:
        await started.applied()
        yield started


async def refused(running: Running, *messages: pb.SubscribeRequest) -> grpc.aio.AioRpcError:
    """What a stream that sends `messages` ends with."""
    call = DiscoveryStub(running.channel).Subscribe(timeout=DEADLINE_S)
    for message in messages:
        await call.write(message)
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await to_the_end(call)
    return error.value


async def test_three_agents_two_dns_servers(running: Running) -> None:
    async with running.agent("us/a1") as one, running.agent("us/a2") as two, running.agent("eu/a1") as three:
        await one.report(UP, UP)
        async with running.dns_server("d1") as first, running.dns_server("d2") as second:
            await two.report(UP, DOWN)
            await three.report(UP)
            await one.report(DOWN, UP)
            for dns in (first, second):
                await dns.until(
                    lambda dns=dns: len(dns.facts.reports) == 3 and dns.facts.reports["us/a1"].sequence == 2
                )
            assert first.facts == second.facts
            assert digest(first.facts) == digest(second.facts)
            await first.until(lambda: bool(first.beats) and first.beats[-1].facts == digest(first.facts))
            assert list(first.beats[-1].heard) == ["eu/a1", "us/a1", "us/a2"]


async def test_a_snapshot_travels_by_chunks_and_a_change_brings_only_what_differs(running: Running) -> None:
    async with running.dns_server("d1") as dns:
        before = await dns.fetch()
        assert before.order == dns.manifest_order
        assert before.order.config == 1
        assert [str(service.name) for service in before.model.services] == ["www.gslb.test"]
        held = set(dns.chunks)
        await running.applied(files(CONFIG.replace('"one"', '"two"')))
        await dns.until(lambda: dns.manifest_order.config == 2)
        new = {ref.digest for ref in refs(dns.manifest)} - held
        assert 0 < len(new) < len(held)
        after = await dns.fetch()
        assert text(after.model.zones[0].rrsets) == b"\x03two"


def text(rrsets: tuple[RRset, ...]) -> bytes:
    return next(rrset.rdatas[0] for rrset in rrsets if rrset.name.labels[0] == b"text")


async def test_chunks_of_the_bundle_before_can_still_be_fetched(running: Running) -> None:
    async with running.dns_server("d1") as dns:
        await dns.until(lambda: bool(dns.manifest))
        before = dns.manifest
        await running.applied(files(CONFIG.replace('"one"', '"two"')))
        await dns.until(lambda: dns.manifest_order.config == 2)
        wanted = [ref.digest for ref in refs(before)]
        await dns.send(chunks=pb.ChunkRequest(digests=wanted))
        await dns.until(lambda: dns.chunks.keys() >= set(wanted))


async def test_unknown_chunks_are_counted_and_too_many_refused(running: Running) -> None:
    async with running.dns_server("d1") as dns:
        await dns.send(chunks=pb.ChunkRequest(digests=[b"unknown", b"unknown", b"other"]))
        await dns.fetch()
        assert running.count("chunks_unknown_total") == 2
        await dns.send(chunks=pb.ChunkRequest(digests=[bytes([number]) for number in range(65)]))
        await dns.until(lambda: dns.over)
        with pytest.raises(grpc.aio.AioRpcError, match="ask for at most 64"):
            await ended(dns.call)


async def test_before_any_configuration_there_are_beats(tmp_path: Path) -> None:
    async with coordinator(tmp_path) as running, running.dns_server("d1") as dns:
        await dns.until(lambda: bool(dns.beats))
        assert dns.manifest == b""
        await running.applied()
        await dns.until(lambda: bool(dns.manifest))


async def test_beats_carry_order_and_come_every_second(running: Running) -> None:
    async with running.dns_server("d1") as dns:
        await dns.until(lambda: len(dns.beats) == 3)
        assert dns.beats[0].order.config == 1
        assert dns.beats[0] == dns.beats[2]


async def test_all_registers_on_request(running: Running) -> None:
    async with running.agent("us/a1") as agent, running.dns_server("d1") as dns:
        await agent.report(UP, UP)
        await dns.until(lambda: len(dns.updates) == 1)
        await agent.report(UP, UP)
        await dns.send(facts=pb.FactsRequest())
        await dns.until(lambda: len(dns.updates) == 2)
        assert dns.updates[1].sequence in {1, 2}


async def test_what_dns_servers_tell_is_in_the_status(running: Running) -> None:
    async with running.agent("us/a1") as agent, running.dns_server("d1") as dns:
        await agent.report(UP, UP)
        await dns.send(status=pb.DnsStatus(order=dump_order(Order(9, 1, 0)), decision=b"digest", queries_total=5))
        await dns.send(nack=pb.Nack(order=dump_order(Order(9, 2, 0)), reason="too large"))
        status = await status_after(running, dns)
        (shown,) = status.dns_servers
        assert (shown.name, shown.engine, shown.version, shown.connected) == ("d1", "test", "t", True)
        assert (shown.decision, shown.queries_total) == (b"digest", 5)
        assert shown.refused == "9.2.0: too large"
        assert "dns server d1 refused 9.2.0 and goes on with 9.1.0: too large" in status.alarms
        await dns.send(ack=pb.Ack(order=dump_order(Order(9, 2, 1))))
        await dns.send(status=pb.DnsStatus(order=dump_order(Order(9, 2, 1)), decision=b"digest"))
        (shown,) = (await status_after(running, dns)).dns_servers
        assert shown.refused == ""
        assert running.count("acks_total", answer="nack") == running.count("acks_total", answer="ack") == 1
    async with running.dns_server("d2"):
        states = {one.name: one.connected for one in (await running.status()).dns_servers}
    assert states == {"d1": False, "d2": True}


async def status_after(running: Running, dns: DnsServer) -> GetStatusResponse:
    """The status once everything that `dns` sent has been taken in."""
    before = len(dns.updates)
    await dns.send(facts=pb.FactsRequest())
    await dns.until(lambda: len(dns.updates) > before)
    return await running.status()


async def test_a_bad_hello_is_refused(running: Running) -> None:
    for first in (
        pb.SubscribeRequest(facts=pb.FactsRequest()),
        pb.SubscribeRequest(hello=pb.DnsHello(name="")),
        pb.SubscribeRequest(hello=pb.DnsHello(name="x" * 200)),
    ):
        error = await refused(running, first)
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    again = pb.SubscribeRequest(hello=pb.DnsHello(name="d"))
    error = await refused(running, again, again)
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert running.count("refused_total", method="Subscribe", code="INVALID_ARGUMENT") == 4


async def test_a_slow_reader_gets_the_newest_and_holds_up_nobody(running: Running) -> None:
    """3,000 registers of 20 kB each do not fit into any buffer: most must be overtaken, the last one must arrive."""
    slow = DiscoveryStub(running.channel).Subscribe()
    await slow.write(pb.SubscribeRequest(hello=pb.DnsHello(name="slow")))
    async with running.agent("us/a1") as agent, running.dns_server("fast") as fast:
        for number in range(3_000):
            await agent.report(layout=b"12345678", states=number.to_bytes(2) * 10_000)
        async with asyncio.timeout(10):
            await fast.until(lambda: bool(fast.updates) and fast.updates[-1].sequence == 3_000)
            last, updates = 0, 0
            while last < 3_000:
                message = await slow.read()
                if message.HasField("facts"):
                    assert message.facts.reports[-1].sequence > last
                    last, updates = message.facts.reports[-1].sequence, updates + 1
    assert updates < 1_500
    slow.cancel()


async def test_a_reader_that_takes_nothing_is_let_go(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "WRITE_TIMEOUT_S", 0.3)
    stuck = DiscoveryStub(running.channel).Subscribe()
    await stuck.write(pb.SubscribeRequest(hello=pb.DnsHello(name="stuck")))
    async with running.agent("us/a1") as agent, running.dns_server("fast") as fast:
        assert running.count("streams", service="Discovery") == 2
        async with asyncio.timeout(DEADLINE_S):
            number = 0
            while running.count("streams", service="Discovery") == 2:
                number += 1
                await agent.report(layout=b"12345678", states=number.to_bytes(2) * 10_000)
                await fast.until(lambda number=number: bool(fast.updates) and fast.updates[-1].sequence == number)
    assert running.count("refused_total", method="Subscribe", code="DEADLINE_EXCEEDED") == 1
    with pytest.raises(grpc.aio.AioRpcError, match="nothing was taken"):
        await to_the_end(stuck)
