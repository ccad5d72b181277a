"""Rate limits of each engine on real sockets: a flood is cut down and counted, and nobody else notices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from unittest.mock import Mock

import dns.flags
import dns.message
import pytest
from support.dnsworld import make_view, query_for, serve, world
from support.udp import ask_udp
from support.waiting import until

from dns_server.engines.base import Engine
from dns_server.engines.choice import make_engine
from dns_server.metrics import DnsCollector
from gslb.core.answering.limit import Action, Limit, Limited
from gslb.core.model import DnsSettings, RateLimit
from gslb.runtime.addresses import SocketAddress

LIMIT = RateLimit(answers=4, nxdomain=1000, errors=1000, client=1000, slip=2, exempt=())
QUERY = query_for("host.example.test", "A").to_wire()
FLOOD = 200
SLIPPED, DROPPED = (Limited(Limit.ANSWERS, action) for action in Action)


@pytest.fixture(params=["python", "native"])
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    made = make_engine(request.param, entropy=1)
    serve(made, make_view(replace(world(), model=replace(world().model, dns=DnsSettings(rate_limit=LIMIT)))))
    yield made
    await made.stop()


async def ask(server: SocketAddress, source: str, count: int, wanted: int) -> list[dns.message.Message]:
    """Send the query so often, and read as many replies as are wanted."""
    replies = await ask_udp(server, *[QUERY] * count, wanted=wanted, source=source)
    return [dns.message.from_wire(reply) for reply in replies]


async def test_a_flood_is_cut_down_and_others_are_answered(engine: Engine) -> None:
    (server,) = await engine.start((SocketAddress("127.0.0.1", 0),))
    await ask(server, "127.0.0.1", FLOOD, 0)
    await until(lambda: engine.counters.queries_total + engine.counters.dropped["rate limit"] == FLOOD)
    limited = engine.counters.limited
    assert FLOOD / 2 < limited.total() < FLOOD
    assert limited[SLIPPED] == limited[DROPPED] - limited.total() % 2
    assert engine.counters.dropped == {"rate limit": limited[DROPPED]}
    assert engine.counters.truncated == limited[SLIPPED]

    others = await ask(server, "127.1.2.3", 2, 2)
    assert all(reply.answer and not reply.flags & dns.flags.TC for reply in others)


async def test_the_limited_hear_that_they_may_ask_over_tcp(engine: Engine) -> None:
    (server,) = await engine.start((SocketAddress("127.0.0.1", 0),))
    replies = await ask(server, "127.0.0.1", FLOOD, FLOOD // 2)
    assert {bool(reply.answer) for reply in replies if reply.flags & dns.flags.TC} == {False}
    reader, writer = await asyncio.open_connection(server.host, server.port)
    async with asyncio.timeout(5):
        for _ in range(20):
            writer.write(len(QUERY).to_bytes(2) + QUERY)
            length = int.from_bytes(await reader.readexactly(2))
            assert dns.message.from_wire(await reader.readexactly(length)).answer
    writer.close()
    await writer.wait_closed()


def test_limited_answers_are_shown_by_limit_and_action() -> None:
    engine = make_engine("python", entropy=1)
    engine.counters.limited.update({SLIPPED: 2, DROPPED: 3})
    families = DnsCollector(Mock(engine=engine, beat_s={})).collect()
    family = next(family for family in families if family.name == "gslb_dns_limited_answers")
    shown = {(s.labels["limit"], s.labels["action"]): s.value for s in family.samples}
    assert shown == {("answers", "slipped"): 2, ("answers", "dropped"): 3}
