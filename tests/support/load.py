"""A constant load of queries over UDP and TCP that remembers every query without exactly one right answer."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import dns.message
from support.dnsworld import addresses, query_for

from gslb.runtime.addresses import SocketAddress

NAME, RIGHT = "one.example.test", ["192.0.2.1"]
QUERY = query_for(NAME, "A").to_wire()
PAUSE_S = 0.004
LOST_S = 5.0
PER_CONNECTION = 5


@dataclass(slots=True)
class Tally:
    """What became of the queries, by transport."""

    answered: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)

    def take(self, transport: str, message: bytes) -> None:
        reply = dns.message.from_wire(message)
        self.answered[transport] += 1
        if addresses(reply) != RIGHT:
            self.wrong[f"{transport}: {reply.rcode()} {addresses(reply)}"] += 1


@asynccontextmanager
async def load_on(server: SocketAddress, *, sockets: int = 4, each: int = 8, tcp: int = 3) -> AsyncIterator[Tally]:
    """`each`: queries under way on every UDP socket. `tcp`: clients, connecting again after a few queries each.

    At the end what is under way is waited for, and all that was missing or came twice is in `wrong`.
    """
    tally, stop = Tally(), asyncio.Event()
    clients = [UdpClient(server, tally) for _ in range(sockets)]
    async with asyncio.TaskGroup() as group:
        for client in clients:
            for _ in range(each):
                group.create_task(client.keep_asking(stop))
        for _ in range(tcp):
            group.create_task(_keep_connecting(server, tally, stop))
        try:
            yield tally
        finally:
            stop.set()
    for client in clients:
        client.close()


class UdpClient:
    """One socket; every query has an id that no other query under way has."""

    def __init__(self, server: SocketAddress, tally: Tally) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.connect((server.host, server.port))
        self._tally = tally
        self._next = 0
        self._waiting: dict[int, asyncio.Future[None]] = {}
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._read()
        self._socket.close()

    async def keep_asking(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self._ask()
            await asyncio.sleep(PAUSE_S)

    async def _ask(self) -> None:
        self._next = number = (self._next + 1) % 65_536
        answered = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._socket.send(struct.pack("!H", number) + QUERY[2:])
        try:
            async with asyncio.timeout(LOST_S):
                await answered
        except TimeoutError:
            self._tally.wrong["udp: lost"] += 1

    def _read(self) -> None:
        while True:
            try:
                message = self._socket.recv(65_535)
            except BlockingIOError:
                return
            except OSError as error:
                self._tally.wrong[f"udp: {error.strerror}"] += 1
                return
            self._tally.take("udp", message)
            waiting = self._waiting.pop(int.from_bytes(message[:2]), None)
            if waiting is None:
                self._tally.wrong["udp: answered twice"] += 1
            elif not waiting.done():
                waiting.set_result(None)


async def _keep_connecting(server: SocketAddress, tally: Tally, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            async with asyncio.timeout(LOST_S):
                await _ask_several(server, tally)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            tally.wrong[f"tcp: {type(error).__name__}"] += 1


async def _ask_several(server: SocketAddress, tally: Tally) -> None:
    """Two queries at once, then their answers, a few times over."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    try:
        for _ in range(PER_CONNECTION):
            writer.write(2 * (struct.pack("!H", len(QUERY)) + QUERY))
            for _ in range(2):
                length = int.from_bytes(await reader.readexactly(2))
                tally.take("tcp", await reader.readexactly(length))
            await asyncio.sleep(PAUSE_S)
    finally:
        writer.close()
        await writer.wait_closed()
