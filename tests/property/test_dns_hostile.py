"""200,000 random and mutated packets: no exception, no reply larger than allowed, the server lives, its memory is flat.

Most go straight to `core.answer`, a good part over real sockets.
"""

from __future__ import annotations

import asyncio
import gc
import random
import socket
import struct
import tracemalloc
from collections.abc import AsyncIterator
from ipaddress import IPv4Address

import dns.exception
import dns.message
import pytest
from support.dnsworld import serve, view
from support.packets import IDENTITY, NOW_S, SEEDS, random_packet
from support.waiting import until

from dns_server.engines.base import Engine
from dns_server.engines.choice import make_engine
from gslb.core.answering.answer import Answered, Dropped, answer
from gslb.core.answering.records import Rcode
from gslb.core.answering.source import Client, Transport
from gslb.runtime.addresses import SocketAddress

DIRECT = 160_000
OVER_UDP = 30_000
OVER_TCP = 10_000
CLIENT = IPv4Address("203.0.113.53")


def allowed_bytes(packet: bytes) -> int:
    """What the packet allows over UDP, read by another implementation where that can read it."""
    try:
        query = dns.message.from_wire(packet, keyring=False)
    except dns.exception.DNSException:
        return 1232
    return min(max(512, query.payload), 1232) if query.edns >= 0 else 512


def test_no_packet_makes_the_answer_fail_or_grow() -> None:
    draw = random.Random(1)
    replies = {Answered: 0, Dropped: 0}
    rcodes = set()
    for number in range(DIRECT):
        packet = random_packet(draw)
        transport = Transport.TCP if number % 5 == 0 else Transport.UDP
        result = answer(packet, Client(CLIENT, transport, unix_s=NOW_S), view(), number, identity=IDENTITY)
        replies[type(result)] += 1
        if isinstance(result, Answered):
            rcodes.add(result.rcode)
            assert result.message[:2] == packet[:2]
            assert result.message[2] & 0x80
            if transport is Transport.UDP and len(result.message) > 512:
                assert len(result.message) <= allowed_bytes(packet), packet.hex()
            if number % 50 == 0 and len(result.message) > 12:
                dns.message.from_wire(result.message, keyring=False, ignore_trailing=False)
    assert min(replies.values()) > 1000
    assert rcodes == set(Rcode) - {Rcode.YXDOMAIN}


@pytest.fixture(params=["python", "native"])
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    engine = make_engine(request.param, entropy=1)
    serve(engine, view())
    yield engine
    await engine.stop()


async def udp_storm(engine: Engine, address: SocketAddress, draw: random.Random, packets: int) -> None:
    """In batches that fit into the socket's buffer; every packet is taken notice of, every reply is small enough."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        client.connect((address.host, address.port))
        for _ in range(packets // 50):
            seen = taken_notice_of(engine)
            for _ in range(50):
                client.send(random_packet(draw))
            await until(lambda seen=seen: taken_notice_of(engine) == seen + 50)
            while True:
                try:
                    assert 12 <= len(client.recv(65_535)) <= 1232
                except BlockingIOError:
                    break


async def tcp_storm(address: SocketAddress, draw: random.Random, packets: int) -> None:
    """A hundred packets a connection, the last one maybe cut off; replies are whole messages, then comes the end."""
    for _ in range(packets // 100):
        reader, writer = await asyncio.open_connection(address.host, address.port)
        frames = [random_packet(draw) for _ in range(100)]
        stream = b"".join(struct.pack("!H", len(frame)) + frame for frame in frames)
        writer.write(stream[: len(stream) - draw.choice((0, 0, 1, 20))])
        writer.write_eof()
        replies = await reader.read()
        while replies:
            length = int.from_bytes(replies[:2])
            assert 12 <= length <= len(replies) - 2
            replies = replies[2 + length :]
        writer.close()
        await writer.wait_closed()


def taken_notice_of(engine: Engine) -> int:
    return engine.counters.queries_total + engine.counters.dropped.total()


async def storm(engine: Engine, address: SocketAddress, draw: random.Random, udp: int, tcp: int) -> None:
    await udp_storm(engine, address, draw, udp)
    await tcp_storm(address, draw, tcp)
    await until(lambda: engine.counters.connections == 0)


async def test_the_sockets_live_through_it_with_flat_memory(engine: Engine) -> None:
    (address,) = await engine.start((SocketAddress("127.0.0.1", 0),))
    draw = random.Random(2)
    await storm(engine, address, draw, OVER_UDP // 3, OVER_TCP // 3)
    tracemalloc.start()
    try:
        before = traced_bytes()
        await storm(engine, address, draw, OVER_UDP - OVER_UDP // 3, OVER_TCP - OVER_TCP // 3)
        grown = traced_bytes() - before
    finally:
        tracemalloc.stop()
    assert grown < 256 * 1024
    assert engine.counters.dropped["internal error"] == 0
    assert sum(engine.counters.malformed.values()) > 1000
    assert engine.counters.connections == 0
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(struct.pack("!H", len(SEEDS[0])) + SEEDS[0])
    assert await reader.readexactly(2)
    writer.close()
    await writer.wait_closed()


def traced_bytes() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
