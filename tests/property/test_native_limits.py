"""The native engine limits what the reference limits, packet by packet, whatever the times, collisions included."""

from __future__ import annotations

import random
import struct
from collections import Counter
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from support.dnsworld import make_view, world
from support.nativeworld import Native, ecs_query, plain_query
from support.packets import random_packet

from dns_server import _native
from gslb.core.answering.answer import Answered, Dropped, answer
from gslb.core.answering.cookies import Outcome, make
from gslb.core.answering.identity import Identity
from gslb.core.answering.limit import Limit, Limiter
from gslb.core.answering.source import Client, Transport
from gslb.core.answering.view import View
from gslb.core.model import DnsSettings, IPAddress, RateLimit
from gslb.core.names import Name

SEED = 0xFEDC_BA98_7654_3210
NAMES = ("www", "both", "host", "big", "dangling", "failing", "x.wild", "y.wild", "q.sub", "q.dname", "no", "cdn", "@")
SECRET, CLIENT_COOKIE, NOW_S = b"0123456789abcdef", b"a client", 1 << 30
IDENTITY = Identity(secrets=(SECRET,))
SMALL = RateLimit(answers=3, nxdomain=5, errors=4, client=12, slip=2, exempt=(ip_network("192.0.3.0/24"),))
STEPS_MS = (1, 1, 1, 3, 20, 200, 900, 5000, (1 << 32) - 1, 1 << 50, -1, -3000)


def limited_view(limit: RateLimit) -> View:
    return make_view(replace(world(), model=replace(world().model, dns=DnsSettings(rate_limit=limit))))


def random_address(chance: random.Random, prefixes: int) -> IPAddress:
    """A few prefixes ask more than the others."""
    prefix, host = chance.randrange(chance.choice((prefixes, 3))), chance.randrange(4)
    if chance.randrange(4):
        return IPv4Address((192 << 24 | 2 << 8) + (prefix << 8) + host)
    return IPv6Address((0x20010DB8 << 96) + (prefix << 72) + (host << 64) + host)


def cookie_query(chance: random.Random, question: bytes, client: Client) -> bytes:
    """With a cookie of ours, one of somebody else's, or with none yet; now and then without a question."""
    server = chance.choice((b"", bytes(16), make(CLIENT_COOKIE, client, SECRET)))
    cookie = CLIENT_COOKIE + server
    opt = struct.pack("!BHHIH", 0, 41, 1232, 0, 4 + len(cookie)) + struct.pack("!2H", 10, len(cookie)) + cookie
    question = question if chance.randrange(8) else b""
    return struct.pack("!6H", 1, 0, bool(question), 0, 0, 1) + question + opt


def random_query(chance: random.Random, client: Client) -> bytes:
    label = chance.choice(NAMES)
    apex = chance.choice(("example.test", "child.example.test", "example.test", "elsewhere.test"))
    name = Name.from_text(apex if label == "@" else f"{label}.{apex}").wire
    rrtype = chance.choice((1, 1, 28, 16, 2, 43, 255))
    match chance.randrange(8):
        case 0:
            return random_packet(chance)
        case 1:
            return cookie_query(chance, name + struct.pack("!2H", rrtype, 1), client)
        case 2 | 3:
            return ecs_query(name, rrtype, random_address(chance, 1 << 16), 24)
        case _:
            return plain_query(name, rrtype)


@pytest.mark.parametrize(
    ("limit", "threads", "prefixes", "packets", "a_moment"),
    [
        (SMALL, 1, 6, 12_000, 30),
        (replace(SMALL, slip=0), 3, 6, 4_000, 30),
        (replace(SMALL, slip=3, answers=1, client=40), 2, 60, 6_000, 30),
        (
            replace(SMALL, answers=1, nxdomain=1, errors=1, client=1),
            1,
            4_000,
            20_000,
            5_000,
        ),  # more than there are buckets
    ],
)
def test_both_limit_the_same(limit: RateLimit, threads: int, prefixes: int, packets: int, a_moment: int) -> None:
    """`a_moment`: packets, on average, until time moves."""
    view = limited_view(limit)
    native = Native(view)
    answerer = _native.Answerer(native.decision, SEED, threads, secrets=IDENTITY.secrets, worker=0)
    limiter = Limiter(SEED, threads)
    chance = random.Random(prefixes)
    seen: Counter[tuple[str, str]] = Counter()
    chosen = 0
    now_ms = 1 << 40
    for number in range(packets):
        if not chance.randrange(a_moment):
            now_ms += chance.choice(STEPS_MS)
        address, is_tcp = random_address(chance, prefixes), not chance.randrange(10)
        client = Client(address, Transport.TCP if is_tcp else Transport.UDP, now_ms, NOW_S)
        packet = random_query(chance, client)
        result = answer(packet, client, view, number, limiter, IDENTITY)
        expected = result.message if isinstance(result, Answered) else None
        assert answerer.answer(packet, client, number) == expected, (number, result)
        chosen += len(result.choices) if isinstance(result, Answered) else 0
        if result.limited is not None:
            seen[result.limited] += 1
            assert isinstance(result, Dropped) or result.truncated
            assert result.cookie is not Outcome.VALID
    assert answerer.limited() == sorted(
        ((*kind, count) for kind, count in seen.items()),
        key=lambda row: ([*Limit].index(Limit(row[0])), row[1] == "dropped"),
    )
    assert native.statics.tallies.answers([], 0)[0] == chosen
    assert seen.total() > 100
    assert len({limit for limit, _ in seen}) >= 3
    assert answerer.dropped()["rate limit"] == sum(count for (_, action), count in seen.items() if action == "dropped")
