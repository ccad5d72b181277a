"""A dns server asks itself as clients do, and tells coordinators what is wrong with the answers."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from unittest.mock import Mock

import dns.message
import dns.rrset
import pytest
from support.dnsservers import coordinator_at, dns_server
from support.dnsworld import facts_of, make_snapshot, view, world
from support.waiting import until

from dns_server.engines.python import PythonEngine
from dns_server.replica import Replica
from dns_server.self_query import SelfQuery, serial_of
from gslb.codec.facts import load_order
from gslb.core.order import Order
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


async def test_another_answer_than_the_snapshot_has_is_trouble() -> None:
    other = Mock(Replica)
    snapshot = make_snapshot(order=Order(1, 2, 0))
    apex = snapshot.model.zones[0].apex
    other.snapshot = Mock(order=snapshot.order, model=snapshot.model, serials={apex: 1 + snapshot.serials[apex]})
    async with answering() as address, asking(other, address) as self_query:
        await until(lambda: bool(self_query.trouble))
        assert "serial" in self_query.trouble
        assert f"over UDP at {address}" in self_query.trouble
        assert self_query.asked == snapshot.order
        assert self_query.failed >= 1
        other.snapshot = snapshot
        await until(lambda: not self_query.trouble)


async def test_no_answer_is_trouble() -> None:
    deaf = Mock(Replica)
    deaf.snapshot = world()
    async with asking(deaf, SocketAddress("127.0.0.1", 1)) as self_query:
        await until(lambda: bool(self_query.trouble))
        assert "no answer" in self_query.trouble
