"""A dns server asks itself as clients do, and tells coordinators what is wrong with the answers."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing, suppress
from itertools import islice
from pathlib import Path
from unittest.mock import Mock, patch

import dns.message
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.dnsservers import coordinator_at, dns_server
from support.dnsworld import facts_of, make_snapshot, view, world
from support.hubs import Clock
from support.waiting import until

from dns_server import self_query as module
from dns_server.asking import OverTcp, serial_of, trouble_of
from dns_server.engines.python import PythonEngine
from dns_server.replica import Replica
from dns_server.self_query import Round, SelfQuery
from gslb.codec.facts import load_order
from gslb.core.names import Name
from gslb.core.order import Order
from gslb.core.snapshot import Snapshot
from gslb.runtime.addresses import SocketAddress

QUERY = dns.message.make_query("gslb.test", "SOA", use_edns=False)
SOA = "20 IN SOA ns1.gslb.test. ops.gslb.test. {} 1 2 3 4"


def reply(serial: int) -> dns.message.Message:
    made = dns.message.make_response(QUERY)
    made.answer.append(dns.rrset.from_text("gslb.test.", *SOA.format(serial).split(" ", 3)))
    return made


def test_the_serial_is_read_from_a_right_answer_only() -> None:
    asked = QUERY.to_wire()
    right = reply(4_000_000_000).to_wire()
    assert serial_of(right, asked) == 4_000_000_000
    assert serial_of(asked, asked) is None
    assert serial_of(dns.message.make_response(QUERY).to_wire(), asked) is None
    refused = reply(1)
    refused.set_rcode(5)
    assert serial_of(refused.to_wire(), asked) is None
    other = struct.pack("!H", QUERY.id ^ 1)
    assert serial_of(other + right[2:], asked) is None


@pytest.mark.parametrize("length", range(0, 90, 7))
def test_what_is_cut_off_is_no_answer(length: int) -> None:
    right = reply(7).to_wire()
    assert serial_of(right[: min(length, len(right) - 1)], QUERY.to_wire()) is None


async def test_coordinators_hear_that_it_answers_itself_rightly(tmp_path: Path) -> None:
    async with coordinator_at() as (said, address), dns_server(tmp_path, address):
        said.report(facts_of(world()))
        for revision in (1, 2):
            order = Order(1, revision, 0)
            said.publish(make_snapshot(order=order))
            await until(lambda order=order: order in [load_order(one.status.asked) for one in said.all("status")])
        assert {one.status.trouble for one in said.all("status")} == {""}


@asynccontextmanager
async def answering() -> AsyncIterator[SocketAddress]:
    engine = PythonEngine(entropy=1)
    engine.publish(view())
    try:
        yield (await engine.start([SocketAddress("127.0.0.1", 0)]))[0]
    finally:
        await engine.stop()


@asynccontextmanager
async def asking(replica: object, *listen: SocketAddress) -> AsyncIterator[SelfQuery]:
    asking = SelfQuery(replica, lambda: 0.0)
    task = asyncio.create_task(asking.follow(listen))
    try:
        yield asking
    finally:
        task.cancel()
        await asyncio.wait([task])


def with_serials(snapshot: Snapshot, serials: Mapping[Name, int]) -> Mock:
    return Mock(order=snapshot.order, model=snapshot.model, serials={**snapshot.serials, **serials})


@pytest.mark.parametrize("number", [0, 1, 2])
async def test_another_answer_than_the_snapshot_has_is_trouble_whatever_zone_it_is_of(number: int) -> None:
    other = Mock(Replica)
    snapshot = make_snapshot(order=Order(1, 2, 0))
    apex = snapshot.model.zones[number].apex
    other.snapshot = with_serials(snapshot, {apex: 1 + snapshot.serials[apex]})
    async with answering() as address, asking(other, address) as self_query:
        await until(lambda: bool(self_query.trouble))
        assert f"'{apex}' has serial" in self_query.trouble
        assert f"over UDP at {address}" in self_query.trouble
        assert self_query.asked == snapshot.order
        assert self_query.failed >= 1
        other.snapshot = snapshot
        await until(lambda: not self_query.trouble)


async def test_that_one_zone_of_many_is_not_served_is_trouble() -> None:
    lacking, snapshot = Mock(Replica), make_snapshot(order=Order(1, 2, 0))
    lacking.snapshot = with_serials(snapshot, {Name.from_text("lost.test"): 7})
    async with answering() as address, asking(lacking, address) as self_query:
        await until(lambda: bool(self_query.trouble))
        assert "an answer without the SOA record of 'lost.test'" in self_query.trouble


async def test_a_zone_that_was_wrong_is_asked_for_again_though_a_look_is_at_one_zone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "ZONES", 1)
    monkeypatch.setattr(module, "LOOK_S", 0.01)
    monkeypatch.setattr(module, "EVERY_S", 0.0)
    replica, snapshot = Mock(Replica), make_snapshot(order=Order(1, 2, 0))
    apex = snapshot.model.zones[2].apex
    replica.snapshot = with_serials(snapshot, {apex: 1})
    async with answering() as address, asking(replica, address) as self_query:
        await until(lambda: self_query.failed >= 3)
        assert self_query.trouble


SERIALS = {Name.from_text(f"z{number}.test"): number for number in range(5)}


@given(st.sets(st.sampled_from(sorted(SERIALS))), st.integers(1, 7))
def test_zones_that_are_others_than_before_come_first_and_all_get_their_turn(others: set[Name], most: int) -> None:
    before = {apex: serial for apex, serial in SERIALS.items() if apex not in others}
    going = Round(Mock(serials=SERIALS), before)
    asked: list[Name] = []
    while len(asked) < len(SERIALS):
        turn = list(going.turn(most))
        assert 0 < len(turn) <= most
        assert len(set(turn)) == len(turn)
        asked += turn
    assert set(asked) == set(SERIALS)
    assert set(asked[: len(others)]) == others


def test_the_zone_at_which_a_look_ended_is_the_first_of_the_next() -> None:
    going = Round(Mock(serials=SERIALS), {})
    stopped_at = list(islice(going.turn(5), 3))[-1]
    assert next(going.turn(5)) == stopped_at


def test_a_look_takes_a_small_part_of_what_clients_may_ask() -> None:
    def asked_for(client: int | None) -> int:
        serials = {Name.from_text(f"z{number}.test"): 1 for number in range(200)}
        limits = None if client is None else Mock(client=client)
        snapshot = Mock(model=Mock(dns=Mock(rate_limit=limits)), serials=serials)
        with patch.object(module, "trouble_of", return_value="") as asked:
            SelfQuery(Mock(Replica), lambda: 0.0)._ask(snapshot, [SocketAddress("127.0.0.1", 1)])
        assert {str(call.args[0]) for call in asked.call_args_list} == {
            "over UDP at 127.0.0.1:1",
            "over TCP at 127.0.0.1:1",
        }
        return asked.call_count // 2

    assert [asked_for(client) for client in (None, 20_000, 300, 1)] == [100, 100, 30, 1]


def test_a_slow_look_ends_before_its_zones_do() -> None:
    clock = Clock()
    snapshot = Mock(model=Mock(dns=Mock(rate_limit=None)), serials=SERIALS)

    def slow(*_: object) -> str:
        clock.now_s += 2.0
        return ""

    with patch.object(module, "trouble_of", side_effect=slow) as asked:
        SelfQuery(Mock(Replica), clock)._ask(snapshot, [SocketAddress("127.0.0.1", 1)])
    assert asked.call_count == 4


async def test_over_tcp_all_is_asked_on_one_connection_until_it_is_closed() -> None:
    """By a server that closes every connection after two answers."""
    connections, ended, apex, serial = 0, 0, Name.from_text("gslb.test"), 7

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections, ended
        connections += 1
        with suppress(asyncio.IncompleteReadError):  # the other side was first
            for _ in range(2):
                query = dns.message.from_wire(await reader.readexactly(int.from_bytes(await reader.readexactly(2))))
                made = dns.message.make_response(query)
                made.answer.append(dns.rrset.from_text("gslb.test.", *SOA.format(serial).split(" ", 3)))
                writer.write(made.to_wire(prepend_length=True))
        writer.close()
        await writer.wait_closed()
        ended += 1

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        way = OverTcp(SocketAddress("127.0.0.1", server.sockets[0].getsockname()[1]))
        with closing(way):
            for expected in (1, 1, 2, 2, 3):
                assert await asyncio.to_thread(trouble_of, way, apex, serial) == ""
                assert connections == expected
            assert "has serial 7 there" in await asyncio.to_thread(trouble_of, way, apex, serial + 1)
        await until(lambda: ended == connections)


async def test_no_answer_is_trouble() -> None:
    deaf = Mock(Replica)
    deaf.snapshot = world()
    async with asking(deaf, SocketAddress("127.0.0.1", 1)) as self_query:
        await until(lambda: bool(self_query.trouble))
        assert "no answer" in self_query.trouble
