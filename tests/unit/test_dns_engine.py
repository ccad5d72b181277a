"""Each engine on real sockets: UDP and TCP, IPv4 and IPv6, and what keeps one client from harming others."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from typing import Protocol

import dns.message
import pytest
from support.dnsworld import query_for, serve, view
from support.udp import ask_udp
from support.waiting import until

from dns_server.engines.base import Counters, Engine, Kind
from dns_server.engines.choice import make_engine
from dns_server.engines.tcp import TcpLimits
from gslb.runtime.addresses import SocketAddress

LOOPBACK = SocketAddress("127.0.0.1", 0)
QUERY = query_for("host.example.test", "A").to_wire()
BIG = query_for("big.example.test", "TXT").to_wire()
DEADLINE_S = 5.0


class Running:
    """An engine with its addresses."""

    def __init__(self, engine: Engine, listen: tuple[SocketAddress, ...]) -> None:
        self.engine = engine
        self.listen = listen
        self.port = listen[0].port
        self._writers: list[asyncio.StreamWriter] = []

    @property
    def counters(self) -> Counters:
        return self.engine.counters

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._writers.append(writer)
        return reader, writer

    async def stop(self) -> None:
        for writer in self._writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
        await self.engine.stop()


class Start(Protocol):
    def __call__(
        self, *listen: SocketAddress, limits: TcpLimits | None = None, publish: bool = True
    ) -> Awaitable[Running]: ...


@pytest.fixture(params=["python", "native"])
def kind(request: pytest.FixtureRequest) -> str:
    """The name of an engine."""
    return str(request.param)


@pytest.fixture
async def start(kind: str) -> AsyncIterator[Start]:
    """Starts engines that end with the test."""
    started: list[Running] = []

    async def make(*listen: SocketAddress, limits: TcpLimits | None = None, publish: bool = True) -> Running:
        engine = make_engine(kind, entropy=1, limits=limits)
        if publish:
            serve(engine, view())
        running = Running(engine, await engine.start(listen or (LOOPBACK,)))
        started.append(running)
        return running

    yield make
    for running in started:
        await running.stop()


def framed(*messages: bytes) -> bytes:
    return b"".join(struct.pack("!H", len(message)) + message for message in messages)


async def read_reply(reader: asyncio.StreamReader) -> dns.message.Message:
    async with asyncio.timeout(DEADLINE_S):
        length = int.from_bytes(await reader.readexactly(2))
        return dns.message.from_wire(await reader.readexactly(length))


async def is_ended(reader: asyncio.StreamReader) -> bool:
    """Whether the server has ended this connection without a word."""
    async with asyncio.timeout(DEADLINE_S):
        try:
            return await reader.read() == b""
        except ConnectionResetError:
            return True


@pytest.mark.parametrize(
    ("everywhere", "asked"),
    [("0.0.0.0", "127.0.0.1"), ("0.0.0.0", "127.8.7.6"), ("127.8.7.6", "127.8.7.6"), ("::", "::1")],
)
async def test_a_reply_leaves_from_the_address_that_was_asked(start: Start, everywhere: str, asked: str) -> None:
    running = await start(SocketAddress(everywhere, 0))
    family = socket.AF_INET6 if ":" in asked else socket.AF_INET
    loop = asyncio.get_running_loop()
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        await loop.sock_sendto(client, QUERY, (asked, running.port))
        async with asyncio.timeout(DEADLINE_S):
            reply, source = await loop.sock_recvfrom(client, 4096)
    assert source[:2] == (asked, running.port)
    assert dns.message.from_wire(reply).answer


async def test_udp_and_tcp_on_ipv4_and_ipv6_at_the_same_port(start: Start) -> None:
    running = await start(LOOPBACK, SocketAddress("::1", 0))
    for address in running.listen:
        assert address.port
        (udp,) = await ask_udp(address, QUERY)
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(framed(QUERY))
        assert (await read_reply(reader)).answer == dns.message.from_wire(udp).answer != []
        writer.close()
        await writer.wait_closed()
    assert running.counters.queries == {Kind("udp", "A", "NOERROR"): 2, Kind("tcp", "A", "NOERROR"): 2}


async def test_wildcard_addresses_answer(start: Start) -> None:
    running = await start(SocketAddress("0.0.0.0", 0), SocketAddress("::", 0))
    await ask_udp(SocketAddress("127.0.0.1", running.listen[0].port), QUERY)
    await ask_udp(SocketAddress("::1", running.listen[1].port), QUERY)
    assert running.counters.queries_total == 2


async def test_without_a_view_everything_is_servfail_until_one_is_published(start: Start) -> None:
    running = await start(publish=False)
    (before,) = await ask_udp(running.listen[0], QUERY)
    serve(running.engine, view())
    (after,) = await ask_udp(running.listen[0], QUERY)
    assert (dns.message.from_wire(before).rcode(), dns.message.from_wire(after).rcode()) == (2, 0)


async def test_an_address_that_is_taken_is_an_error_and_leaves_nothing_bound(start: Start, kind: str) -> None:
    running = await start()
    engine = make_engine(kind, entropy=1)
    with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{running.port}"):
        await engine.start((LOOPBACK, running.listen[0]))
    await ask_udp(running.listen[0], QUERY)


async def test_a_link_local_address_keeps_its_scope(kind: str) -> None:
    """Loopback has none; but without a scope the kernel would not even look (EINVAL)."""
    with pytest.raises(OSError) as refused:
        await make_engine(kind, entropy=1).start((SocketAddress("fe80::1%lo", 0),))
    assert refused.value.errno == errno.EADDRNOTAVAIL


async def test_dropped_and_malformed_packets_are_counted(start: Start) -> None:
    running = await start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", running.port))
        for packet in (b"\x00" * 11, QUERY[:2] + b"\x80" + QUERY[3:], QUERY[:20], QUERY + b"\x00", BIG):
            client.send(packet)
        await until(lambda: running.counters.queries_total == 3)
    assert running.counters.dropped == {"short": 1, "response": 1}
    assert running.counters.malformed == {"question cut off": 1, "trailing octets": 1}
    assert running.counters.truncated == 1
    assert running.counters.ecs == 0


async def test_many_queries_at_once_are_all_answered(start: Start) -> None:
    running = await start()
    replies = await ask_udp(running.listen[0], *[struct.pack("!H", n) + QUERY[2:] for n in range(200)])
    assert sorted(int.from_bytes(reply[:2]) for reply in replies) == list(range(200))


@pytest.mark.parametrize("kind", ["python"], indirect=True)
async def test_a_fault_of_ours_costs_one_answer(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    running = await start()

    def fail(*_: object) -> None:
        raise RuntimeError("a fault")

    with monkeypatch.context() as patch:
        patch.setattr("dns_server.engines.responder.answer", fail)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.connect(("127.0.0.1", running.port))
            client.send(QUERY)
            await until(lambda: running.counters.dropped["internal error"] == 1)
    await ask_udp(running.listen[0], QUERY)


async def test_pipelined_queries_are_answered_in_order_however_they_are_cut(start: Start) -> None:
    """RFC 7766 6.2.1.1 (pipelining), 8 (reassembly)."""
    running = await start()
    reader, writer = await running.connect()
    stream = framed(*[struct.pack("!H", n) + QUERY[2:] for n in range(100)])
    for at in range(0, len(stream), 7):
        writer.write(stream[at : at + 7])
        await asyncio.sleep(0)
    assert [(await read_reply(reader)).id for _ in range(100)] == list(range(100))
    writer.close()


async def test_a_half_closed_connection_gets_its_answers_and_then_the_end(start: Start) -> None:
    """RFC 7766 6.2.4."""
    running = await start()
    reader, writer = await running.connect()
    writer.write(framed(*[QUERY] * 50) + b"\x00")
    writer.write_eof()
    for _ in range(50):
        await read_reply(reader)
    assert await reader.read() == b""
    await until(lambda: running.counters.connections == 0)
    assert running.counters.closed == {}


async def test_a_query_that_owes_no_reply_leaves_the_connection_open(start: Start) -> None:
    running = await start()
    reader, writer = await running.connect()
    writer.write(framed(b"", QUERY[:2] + b"\x80" + QUERY[3:], QUERY))
    assert (await read_reply(reader)).answer
    assert running.counters.dropped == {"short": 1, "response": 1}
    writer.close()


async def test_an_idle_connection_is_ended_and_so_is_one_that_trickles(start: Start) -> None:
    """RFC 7766 6.2.3."""
    running = await start(limits=TcpLimits(idle_s=0.3))
    (idle, _), (trickled, trickle) = await running.connect(), await running.connect()
    trickle.write(framed(QUERY)[:10])
    for reader in (idle, trickled):
        assert await is_ended(reader)
    assert running.counters.closed == {"idle": 2}
    assert running.counters.connections == 0


async def test_no_address_gets_more_than_its_share_of_connections(start: Start) -> None:
    """RFC 7766 6.2.2."""
    running = await start(limits=TcpLimits(per_address=3))
    held = [await running.connect() for _ in range(3)]
    await until(lambda: running.counters.connections == 3)
    refused, _ = await running.connect()
    assert await is_ended(refused)
    assert running.counters.closed == {"too many of one address": 1}
    held[0][1].close()
    await until(lambda: running.counters.connections == 2)
    reader, writer = await running.connect()
    writer.write(framed(QUERY))
    await read_reply(reader)


async def test_when_all_connections_are_taken_the_longest_idle_makes_room(start: Start) -> None:
    """RFC 9210 4.4: new clients are not locked out."""
    running = await start(limits=TcpLimits(total=3))
    held = [await running.connect() for _ in range(3)]
    await until(lambda: running.counters.connections == 3)
    held[0][1].write(framed(QUERY))
    await read_reply(held[0][0])
    reader, writer = await running.connect()
    writer.write(framed(QUERY))
    await read_reply(reader)
    assert running.counters.closed == {"room for others": 1}
    assert running.counters.connections == 3
    held[0][1].write(framed(QUERY))
    await read_reply(held[0][0])
    assert await is_ended(held[1][0])


async def test_a_client_that_does_not_read_is_cut_off_and_costs_bounded_memory(start: Start) -> None:
    running = await start(limits=TcpLimits(idle_s=0.5))
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", running.port))
        sender = asyncio.create_task(asyncio.get_running_loop().sock_sendall(client, framed(*[BIG] * 10_000) * 100))
        await until(lambda: running.counters.closed["idle"] == 1)
        with pytest.raises(ConnectionError):
            await sender
    assert running.counters.connections == 0
    # What the kernel's buffers took, and a little more; not an answer to each of the queries
    assert running.counters.sent_bytes < 16 * 1024 * 1024


async def test_a_busy_connection_does_not_keep_others_from_their_answers(start: Start) -> None:
    """RFC 9210 4: TCP does not starve UDP, nor itself."""
    running = await start()
    reader, writer = await running.connect()
    writer.write(framed(*[BIG] * 2000))
    await ask_udp(running.listen[0], QUERY)
    other_reader, other = await running.connect()
    other.write(framed(QUERY))
    await read_reply(other_reader)
    assert running.counters.queries[Kind("tcp", "TXT", "NOERROR")] < 2000
    assert (await read_reply(reader)).answer
    writer.close()


async def test_stop_ends_all_connections_and_frees_the_port(start: Start) -> None:
    running = await start()
    await running.connect()
    await until(lambda: running.counters.connections == 1)
    await running.engine.stop()
    assert running.counters.closed == {"shutdown": 1}
    again = await start(running.listen[0])
    await ask_udp(again.listen[0], QUERY)
