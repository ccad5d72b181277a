"""Who takes part: every server started, waited for, and checked to give the right answers before it is measured."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.dns.asking import ask, first_answer
from bench.dns.packages import Unavailable, unpack
from bench.dns.peers import aya, gdnsd, knot, nsd, pdns
from bench.dns.peers.base import Setting
from bench.dns.processes import Command, free_port
from bench.dns.rounds import Server
from bench.dns.setup import Setup

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
_CHECKED = 300


@dataclass(slots=True, kw_only=True)
class Servers:
    """All that were asked to take part: those who do, and why others are absent. `packages`: a folder for the peers."""

    here: Setup
    packages: Path
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
                    self.here.processes.stop(name)

    def _start(self, name: str) -> Server:
        folder = self.here.folder / name
        folder.mkdir()
        port = free_port()
        self.here.processes.start(name, self._command(name, folder, port), self.here.server_core)
        if name == ECHO:
            return Server(name=name, port=port, reply_bytes=self._echoed())
        size = first_answer(self.here.processes, name, port, self.here.clients[0][0], _START_S)
        if name != STATIC:
            self._check(port)
        return Server(name=name, port=port, reply_bytes=size)

    def _command(self, name: str, folder: Path, port: int) -> Command:
        if name == ECHO:
            return Command(arguments=[str(self.here.load.generator), "echo", f"127.0.0.1:{port}", str(self._echoed())])
        root = unpack(self.packages) if name in PEERS else folder
        setting = Setting(world=self.here.world, folder=folder, database=self.here.database, port=port, root=root)
        if name in PEERS:
            return PEERS[name](setting)
        aya.check_engine(name)
        if self.coordinator is None:
            settings = aya.configuration(self.here.world, self.here.database)
            self.coordinator = aya.start_coordinator(self.here.processes, folder, settings, self.here.load.core)
        return aya.prepare(folder, port, name, self.coordinator)

    def _echoed(self) -> int:
        return self.present[0].reply_bytes if self.present else 0

    def _check(self, port: int) -> None:
        """Ask some names for some clients. Raises Unavailable where an answer is not the one all must give."""
        draw = random.Random(port)
        for client, country in self.here.clients[:_CHECKED]:
            label = f"n{draw.randrange(self.here.world.names):06}"
            given = [str(data) for rrset in ask(port, label, client).answer for data in rrset]
            right = self.here.world.expected(label, country)
            if given != [right]:
                raise Unavailable(f"it answers {label} for {client} in {country} with {given}, not {right}")
