"""Who takes part: every server started, waited for, and checked to give the right answers before it is measured."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

import dns.edns
import dns.exception
import dns.message
import dns.query
import dns.rcode

from bench.dns.packages import Unavailable, unpack
from bench.dns.peers import aya, gdnsd, knot, nsd, pdns
from bench.dns.peers.base import Setting
from bench.dns.processes import Command, Processes, free_port, run_briefly
from bench.dns.world import ZONE, World

ECHO, STATIC = "echo", "nsd"
OURS = ("native", "python")
PEERS: Mapping[str, Callable[[Setting], Command]] = {
    "gdnsd": gdnsd.prepare,
    "knot": knot.prepare,
    "pdns": pdns.prepare,
    STATIC: nsd.prepare,
}
NAMES = (*PEERS, *OURS, ECHO)
"""In the order in which they start: the echo replies with as many octets as the first of the others."""

_START_S = 90
_QUESTION_S = 1
_CHECKED = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One that takes part. `reply_bytes`: of its first answer."""

    name: str
    port: int
    reply_bytes: int


@dataclass(slots=True, kw_only=True)
class Servers:
    """All that were asked to take part: those who do, and why others are absent."""

    world: World
    folder: Path
    packages: Path
    database: Path
    generator: Path
    clients: Sequence[tuple[IPv4Address, str]]
    processes: Processes
    server_core: int
    load_core: int
    present: list[Server] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)
    coordinator: int | None = None

    def start(self, names: Sequence[str]) -> None:
        for name in NAMES:
            if name in names:
                try:
                    self.present.append(self._start(name))
                except Unavailable as reason:
                    self.absent[name] = str(reason)
                    self.processes.stop(name)

    def _start(self, name: str) -> Server:
        folder = self.folder / name
        folder.mkdir()
        port = free_port()
        self.processes.start(name, self._command(name, folder, port), self.server_core)
        if name == ECHO:
            return Server(name=name, port=port, reply_bytes=self._echoed())
        size = self._first_answer(name, port)
        if name != STATIC:
            self._check(port)
        return Server(name=name, port=port, reply_bytes=size)

    def _command(self, name: str, folder: Path, port: int) -> Command:
        if name == ECHO:
            return Command(arguments=[str(self.generator), "echo", f"127.0.0.1:{port}", str(self._echoed())])
        root = unpack(self.packages) if name in PEERS else folder
        setting = Setting(world=self.world, folder=folder, database=self.database, port=port, root=root)
        if name in PEERS:
            return PEERS[name](setting)
        aya.check_engine(name)
        if self.coordinator is None:
            self.coordinator = aya.start_coordinator(self.processes, setting, self.load_core)
        return aya.prepare(setting, name, self.coordinator)

    def _echoed(self) -> int:
        return self.present[0].reply_bytes if self.present else 0

    def _first_answer(self, name: str, port: int) -> int:
        """Wait until it serves the zone; returns the octets of an answer. Raises Unavailable."""
        for _ in run_briefly(_START_S):
            self.processes.check_alive(name)
            try:
                reply = _ask(port, "n000000", self.clients[0][0])
            except (OSError, dns.exception.DNSException):
                continue
            if reply.rcode() == dns.rcode.NOERROR and reply.answer:
                return len(reply.to_wire())
        raise Unavailable(f"it did not answer within {_START_S} s; {self.processes.folder}/{name}.log may say why")

    def _check(self, port: int) -> None:
        """Ask some names for some clients. Raises Unavailable where an answer is not the one all must give."""
        draw = random.Random(port)
        for client, country in self.clients[:_CHECKED]:
            label = f"n{draw.randrange(self.world.names):06}"
            given = [str(data) for rrset in _ask(port, label, client).answer for data in rrset]
            right = self.world.expected(label, country)
            if given != [right]:
                raise Unavailable(f"it answers {label} for {client} in {country} with {given}, not {right}")


def _ask(port: int, label: str, client: IPv4Address) -> dns.message.Message:
    ecs = dns.edns.ECSOption(str(client), 24)
    query = dns.message.make_query(f"{label}.{ZONE}", "A", use_edns=0, options=[ecs])
    query.flags = 0
    return dns.query.udp(query, "127.0.0.1", port=port, timeout=_QUESTION_S)
