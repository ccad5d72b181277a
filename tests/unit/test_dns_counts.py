"""What each engine counts on real sockets: every answer of a service once, by pool and class, and how long it took."""

from __future__ import annotations

import asyncio
import struct
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from support.dnsworld import CONFIG, DETROIT, LONDON, make_snapshot, make_view, query_for, serve, view
from support.nativeworld import Native, chunks_of
from support.udp import ask_udp
from support.waiting import until

from dns_server.engines.base import Engine
from dns_server.engines.choice import make_engine
from gslb.core.answering.view import View
from gslb.core.names import Name
from gslb.core.order import Order
from gslb.runtime.addresses import SocketAddress

WWW = Name.from_text("www.example.test")
FAILING = Name.from_text("failing.example.test")
INSIDE = Name.from_text("inside.example.test")
DEADLINE_S = 5.0


@pytest.fixture(params=["python", "native"])
def engine(request: pytest.FixtureRequest) -> Engine:
    return make_engine(str(request.param), entropy=1)


@pytest.fixture
async def server(engine: Engine) -> AsyncIterator[SocketAddress]:
    serve(engine, view())
    (address,) = await engine.start([SocketAddress("127.0.0.1", 0)])
    yield address
    await engine.stop()


async def ask(server: SocketAddress, name: str, subnet: str, times: int) -> None:
    """One after the other: of large batches only a sample counts in the demand."""
    for _ in range(times):
        await ask_udp(server, query_for(name, "A", subnet).to_wire())


async def ask_by_tcp(server: SocketAddress, name: str, subnet: str, times: int) -> None:
    packet = query_for(name, "A", subnet).to_wire()
    async with asyncio.timeout(DEADLINE_S):
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write((struct.pack("!H", len(packet)) + packet) * times)
        for _ in range(times):
            await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
        writer.close()
        await writer.wait_closed()


def demand(engine: Engine, at: View) -> Counter[tuple[str, str]]:
    """By name and class, as people know them."""
    asked = engine.take_asked()
    snapshot = at.index.snapshot
    assert asked.order == snapshot.order
    found: Counter[tuple[str, str]] = Counter({("", ""): asked.rest} if asked.rest else {})
    for number, cls, count in asked.most:
        service = snapshot.model.services[number]
        found[str(service.name), snapshot.classes[service.policy].labels[cls]] += count
    return found


async def test_every_answer_is_counted_once(engine: Engine, server: SocketAddress) -> None:
    await ask(server, "www.example.test", LONDON, 7)
    await ask_by_tcp(server, "www.example.test", DETROIT, 5)
    await ask(server, "failing.example.test", LONDON, 3)
    await ask(server, "host.example.test", LONDON, 4)
    answers = engine.answers()
    assert answers.named == {(WWW, "eu"): 7, (WWW, "us"): 5, (FAILING, None): 3}
    assert answers.other == 0
    labels = Counter(name for name, _ in demand(engine, view()).elements())
    assert labels == {"www.example.test": 12, "failing.example.test": 3}
    assert demand(engine, view()) == {}


async def test_classes_are_told_apart(engine: Engine, server: SocketAddress) -> None:
    await ask(server, "www.example.test", LONDON, 2)
    await ask(server, "www.example.test", DETROIT, 3)
    assert sorted(demand(engine, view()).values()) == [2, 3]


async def test_an_alias_counts_for_both_services(engine: Engine, server: SocketAddress) -> None:
    await ask(server, "inside.example.test", LONDON, 2)
    assert engine.answers().named == {(INSIDE, "inside"): 2, (WWW, "eu"): 2}


async def test_latency_counts_every_answer(engine: Engine, server: SocketAddress) -> None:
    await ask(server, "www.example.test", LONDON, 5)
    await ask(server, "nobody.example.test", LONDON, 2)
    await ask_by_tcp(server, "www.example.test", LONDON, 4)
    await until(lambda: counted(engine) == {"udp": 7, "tcp": 4})
    assert engine.counters.queries_total == 11
    assert all(0 < latency.sum_us < 60_000_000 for latency in engine.counters.latency.values())


def counted(engine: Engine) -> dict[str, int]:
    latencies = engine.counters.latency.items()
    return {str(transport): sum(latency.buckets) for transport, latency in latencies if sum(latency.buckets)}


async def test_answers_are_carried_over_to_the_next_snapshot(engine: Engine, server: SocketAddress) -> None:
    await ask(server, "www.example.test", LONDON, 3)
    await ask(server, "failing.example.test", LONDON, 2)
    changed = CONFIG.replace("  - {name: failing.example.test, pools: [broken], all_down: servfail}\n", "")
    later = make_view(make_snapshot(changed, Order(1, 2, 0)))
    engine.prepare(later, chunks_of(later))
    engine.publish(later)
    await ask(server, "www.example.test", LONDON, 4)
    answers = engine.answers()
    assert (answers.named, answers.other) == ({(WWW, "eu"): 4}, 5)
    assert demand(engine, later).total() == 9


async def test_demand_that_nobody_took_is_not_lost_over_snapshots(engine: Engine, server: SocketAddress) -> None:
    for revision in range(2, 6):
        await ask(server, "www.example.test", LONDON, 2)
        later = make_view(make_snapshot(CONFIG, Order(1, revision, 0)))
        engine.prepare(later, chunks_of(later))
        engine.publish(later)
    asked = engine.take_asked()
    assert (asked.order, asked.most, asked.rest) == (Order(1, 5, 0), [], 8)
    assert engine.answers().total == 8


async def test_what_was_shown_never_falls(engine: Engine, server: SocketAddress) -> None:
    await ask(server, "www.example.test", LONDON, 3)
    assert engine.answers().named == {(WWW, "eu"): 3}
    later = make_view(make_snapshot(CONFIG, Order(1, 2, 0)))
    engine.prepare(later, chunks_of(later))
    engine.publish(later)
    assert engine.answers().named == {(WWW, "eu"): 3}
    await ask(server, "www.example.test", LONDON, 1)
    assert engine.answers().named == {(WWW, "eu"): 4}


async def test_without_a_snapshot_nothing_is_counted(engine: Engine) -> None:
    assert engine.answers().total == 0
    assert engine.take_asked().most == ()


def test_what_was_counted_of_a_snapshot_is_final_once_the_snapshot_is_gone() -> None:
    native = Native(view())
    first, again = native.statics.tallies, native.statics.tallies
    assert not first.is_final()
    del native
    assert first.is_final()
    assert again.is_final()
