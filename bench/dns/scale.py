"""What many services cost the dns server: `python -m bench.dns.scale [--services N] [--sets N] [--engine NAME]`.

A real dns server, fed by a stand-in for the coordinator: its peak resident memory while it starts, while one snapshot
replaces another in which every service is different, and while members, pools and a whole site fail and come back; and
how long after a report the answers change. Loopback only, below two minutes on two free cores.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import statistics
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

import dns.message

from bench.dns import table
from bench.dns.many import PLACES, Many, label, report
from bench.dns.peers import aya
from bench.dns.processes import Processes, free_port, started_in
from bench.dns.setup import say
from bench.dns.standin import StandIn, standing_in
from bench.dns.world import ZONE
from gslb.codec.snapshot import Bundle, dump_class_map, dump_snapshot
from gslb.core.layouts import Layout
from gslb.core.order import Order

_PATIENCE_S = 30
_SETTLE_S = 1.5
_DNS = "dns"
_FAILING = IPv4Address("10.80.0.1").packed
"""The first member of the first pool."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.dns.scale", description=__doc__)
    parser.add_argument("--services", type=int, default=100_000)
    parser.add_argument("--sets", type=int, default=1_000, help="of a policy and pools that services share")
    parser.add_argument("--policies", type=int, default=10)
    parser.add_argument("--swaps", type=int, default=2)
    parser.add_argument("--changes", type=int, default=4, help="of each kind")
    parser.add_argument("--engine", default="native")
    parser.add_argument("--note", default="", help="what a reader should know of the machine, such as who else used it")
    parser.add_argument("--into", type=Path, help="also put the result into this file, such as docs/benchmarks.md")
    parser.set_defaults(prog="bench.dns.scale")
    given = parser.parse_args()
    many = Many(services=given.services, sets=given.sets, policies=given.policies)
    classes = max(len(one.keys) for one in many.classes.values())
    rows = asyncio.run(_measure(many, given.engine, given.swaps, given.changes))
    text = (
        table.origin(given) + f"{given.services:,} services of {given.sets:,} sets, {given.policies} policies of"
        f" {classes} classes, {given.engine} engine.\n\n"
        "| what | took, median (worst) | peak memory | memory after |\n| --- | ---: | ---: | ---: |\n"
    )
    text += "".join(f"| {row} |\n" for row in rows)
    print(text)
    if given.into is not None:
        table.put(text, "scale", given.into)


async def _measure(many: Many, engine: str, swaps: int, changes: int) -> list[str]:
    say("making snapshots")
    maps = {name: dump_class_map(name, classes) for name, classes in many.classes.items()}
    first = many.snapshot(1)
    bundles = (dump_snapshot(first, maps), *(dump_snapshot(many.snapshot(2 + turn), maps) for turn in range(swaps)))
    with tempfile.TemporaryDirectory(prefix="bench-scale-") as name, started_in(Path(name)) as processes:
        async with standing_in() as (stand_in, coordinator):
            port = free_port()
            processes.start(_DNS, aya.prepare(Path(name) / _DNS, port, engine, coordinator), 0)
            running = _Running(processes, stand_in, port, _layouts(first.layouts))
            return [
                await running.start(bundles[0], many),
                await running.swap(bundles[1:]),
                *[await running.change(what, down, changes) for what, down in _changes(many).items()],
            ]


def _layouts(layouts: Iterable[Layout]) -> dict[str, Layout]:
    return {layout.site: layout for layout in layouts}


def _changes(many: Many) -> dict[str, frozenset[str]]:
    """What fails at the first place, by its name: each touches the first service."""
    here = PLACES[0]
    site = {f"s{number}-{here}/m{which}" for number in range(many.sets) for which in range(2)}
    pool = {f"s0-{here}/m0", f"s0-{here}/m1"}
    return {
        "a member fails or comes back": frozenset({f"s0-{here}/m0"}),
        "a pool fails or comes back": frozenset(pool),
        "a site fails or comes back": frozenset(site),
    }


@dataclass(slots=True)
class _Running:
    """The dns server under measurement. `watched`: a service whose answer is what fails."""

    processes: Processes
    stand_in: StandIn
    port: int
    layouts: dict[str, Layout]
    watched: bytes = b""
    sequence: int = 0

    async def start(self, bundle: Bundle, many: Many) -> str:
        self.processes.forget_peak(_DNS)
        started = time.perf_counter()
        await self._report(frozenset())
        await self._published(bundle, 1)
        taken = time.perf_counter() - started
        self.watched = self._first_served_by(_FAILING, range(0, many.services, many.sets))
        return await self._row("the first snapshot", [taken])

    async def swap(self, bundles: Sequence[Bundle]) -> str:
        self.processes.forget_peak(_DNS)
        taken = []
        for revision, bundle in enumerate(bundles, 2):
            started = time.perf_counter()
            await self._published(bundle, revision)
            taken.append(time.perf_counter() - started)
        return await self._row("another snapshot", taken)

    async def change(self, what: str, down: frozenset[str], count: int) -> str:
        self.processes.forget_peak(_DNS)
        taken = []
        for turn in range(count):
            before = _ask(self.port, self.watched)
            started = time.perf_counter()
            waiting = asyncio.create_task(asyncio.to_thread(_until_changed, self.port, self.watched, before))
            await self._report(down if turn % 2 == 0 else frozenset())
            taken.append(await waiting - started)
            await asyncio.sleep(_SETTLE_S)
        return await self._row(what, taken)

    def _first_served_by(self, address: bytes, services: Iterable[int]) -> bytes:
        """The query for it."""
        queries = map(_query, services)
        return next(query for query in queries if _ask(self.port, query) == address)

    async def _report(self, down: frozenset[str]) -> None:
        self.sequence += 1
        layouts = self.layouts.values() if self.sequence == 1 else (self.layouts[PLACES[0]],)
        for layout in layouts:
            await self.stand_in.report(report(layout, self.sequence, down))

    async def _published(self, bundle: Bundle, revision: int) -> None:
        say(f"publishing revision {revision}")
        await self.stand_in.publish(bundle, Order(1, revision, 0))

    async def _row(self, what: str, taken: Sequence[float]) -> str:
        """Once all is quiet again."""
        await asyncio.sleep(_SETTLE_S)
        peak = self.processes.peak_bytes(_DNS) / 1e6
        after = self.processes.usage(_DNS).resident_bytes / 1e6
        row = f"{what} | {_ms(statistics.median(taken))} ({_ms(max(taken))}) | {peak:.0f} MB | {after:.0f} MB"
        say(row)
        return row


def _until_changed(port: int, query: bytes, before: bytes) -> float:
    """When the answer is first another than `before`. Raises SystemExit when it stays."""
    end = time.perf_counter() + _PATIENCE_S
    while time.perf_counter() < end:
        if _ask(port, query) != before:
            return time.perf_counter()
    raise SystemExit(f"after {_PATIENCE_S} s the answer has not changed")


def _ask(port: int, query: bytes) -> bytes:
    """The address in the answer."""
    with socket.socket(type=socket.SOCK_DGRAM) as asking:
        asking.connect(("127.0.0.1", port))
        asking.settimeout(_PATIENCE_S)
        asking.send(query)
        return asking.recv(512)[-4:]


def _query(service: int) -> bytes:
    """Without EDNS, so that a reply ends with the address."""
    question = dns.message.make_query(f"{label(service)}.{ZONE}", "A")
    question.flags = 0
    return question.to_wire()


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:,.1f} ms"


if __name__ == "__main__":
    main()
