"""The client, `python -m chaos.asker`: told what to ask by one line of JSON, it writes down what it hears.

It judges nothing, and is a process of its own, so that nothing else delays its clock. Its records go to standard output
as they come.
"""

from __future__ import annotations

import asyncio
import json
import struct
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

RECORD = struct.Struct("<BBBddH")
"""Number of the dns server, of the question; 1 = over TCP; sent, received (monotonic seconds); octets of the reply that
follows, 0 = none came."""
EVERY_S = 0.005
TCP_EVERY = 21
"""Every so many questions one goes over TCP, too; odd, so that each has its turn."""
PATIENCE_S = 1.0
_LOOK_S = 0.05


class Tape:
    def __init__(self) -> None:
        self._kept = bytearray()

    def note(self, server: int, question: int, tcp: bool, sent_s: float, reply: bytes) -> None:
        self._kept += RECORD.pack(server, question, tcp, sent_s, time.monotonic(), len(reply)) + reply

    def flush(self) -> None:
        sys.stdout.buffer.write(self._kept)
        sys.stdout.buffer.flush()
        self._kept.clear()


@dataclass(slots=True)
class Udp(asyncio.DatagramProtocol):
    """One dns server, asked over UDP. `waiting`: by id, the question and when it was sent, oldest first."""

    server: int
    tape: Tape
    waiting: dict[int, tuple[int, float]] = field(default_factory=dict)
    transport: asyncio.DatagramTransport | None = None
    last: int = 0

    def ask(self, question: int, query: bytes) -> None:
        self.last = (self.last + 1) % 65_536
        self.waiting[self.last] = (question, time.monotonic())
        assert self.transport is not None
        self.transport.sendto(struct.pack("!H", self.last) + query[2:])

    def datagram_received(self, data: bytes, addr: object) -> None:
        asked = self.waiting.pop(int.from_bytes(data[:2]), None)
        if asked is not None:
            self.tape.note(self.server, asked[0], False, asked[1], data)

    def error_received(self, exc: Exception) -> None:
        """Nobody listens there: its answers are missing, and noticed as such."""

    def give_up(self, now_s: float) -> None:
        while self.waiting and (oldest := next(iter(self.waiting.items())))[1][1] < now_s - PATIENCE_S:
            del self.waiting[oldest[0]]
            self.tape.note(self.server, oldest[1][0], False, oldest[1][1], b"")


async def main() -> None:
    told = json.loads(sys.stdin.readline())
    queries = [bytes.fromhex(one) for one in told["queries"]]
    tape, loop = Tape(), asyncio.get_running_loop()
    clients = []
    for number, address in enumerate(told["servers"]):
        client = Udp(number, tape)
        client.transport, _ = await loop.create_datagram_endpoint(partial(_same, client), remote_addr=(address, 53))
        clients.append(client)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_write(clients, tape))
        await _ask(clients, told["servers"], queries, tape, tasks)


def _same(client: Udp) -> Udp:
    return client


async def _ask(
    clients: Sequence[Udp], addresses: Sequence[str], queries: Sequence[bytes], tape: Tape, tasks: asyncio.TaskGroup
) -> None:
    due_s, turn = time.monotonic(), 0
    while True:
        question = turn % len(queries)
        for client, address in zip(clients, addresses, strict=True):
            if turn % TCP_EVERY == 0:
                tasks.create_task(_ask_over_tcp(client.server, address, question, queries[question], tape))
            client.ask(question, queries[question])
        turn, due_s = turn + 1, max(due_s + EVERY_S, time.monotonic() - EVERY_S)
        await asyncio.sleep(due_s - time.monotonic())


async def _ask_over_tcp(server: int, address: str, question: int, query: bytes, tape: Tape) -> None:
    sent_s, reply = time.monotonic(), b""
    try:
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection(address, 53)
            writer.write(struct.pack("!H", len(query)) + query)
            reply = await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
            writer.close()
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        pass
    tape.note(server, question, True, sent_s, reply)


async def _write(clients: Sequence[Udp], tape: Tape) -> None:
    while True:
        for client in clients:
            client.give_up(time.monotonic())
        tape.flush()
        await asyncio.sleep(_LOOK_S)


if __name__ == "__main__":
    asyncio.run(main())
