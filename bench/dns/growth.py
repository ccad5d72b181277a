"""What an answer of ours costs as the installation grows: `python -m bench.dns.growth [--rounds N] ...`.

One native server for each size, side by side, in turns: more names, more prefixes of the user's own. The first also has
turns in which decisions are swapped. Loopback only; the largest need some gigabytes of memory and two minutes to start.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from itertools import islice

from bench.dns import alone, database, setup, table
from bench.dns.asking import first_answer
from bench.dns.packages import Unavailable
from bench.dns.processes import Command, free_port
from bench.dns.rounds import Load, Server, measure
from bench.dns.setup import Setup, say
from bench.dns.world import World

_START_S = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """One installation. `swaps`: decisions published a second."""

    title: str
    names: int = 1_000
    prefixes: int = 0
    swaps: int = 0


SIZES = (
    Size(title="1,000 names"),
    Size(title="10 swaps a second", swaps=10),
    Size(title="100 swaps a second", swaps=100),
    Size(title="10,000 names", names=10_000),
    Size(title="100,000 names", names=100_000),
    Size(title="1,000,000 names", names=1_000_000),
    Size(title="100,000 own prefixes", prefixes=100_000),
    Size(title="1,000,000 own prefixes", prefixes=1_000_000),
)


def main() -> None:
    given = setup.arguments("bench.dns.growth", __doc__, largest=1_000_000)
    sizes = {size.title: size for size in SIZES if max(size.names, size.prefixes) <= given.largest}
    with setup.prepared(given) as here:
        alone.tell_swaps(here.folder, 0)
        loads, absent = _started(here, sizes.values())

        def begin(server: Server) -> None:
            alone.tell_swaps(here.folder, sizes[server.name].swaps)

        turns = measure(loads, here.processes, given.rounds, say, begin)
    text = table.about(here.load, given) + table.of_sizes(turns, absent)
    print(text)
    if given.into is not None:
        table.put(text, "growth", given.into)


def _started(here: Setup, sizes: Iterable[Size]) -> tuple[list[tuple[Server, Load]], Mapping[str, str]]:
    """What is there to measure, and why the rest is not. Sizes that differ by swaps alone are one process."""
    running: dict[tuple[int, int], Server] = {}
    loads: list[tuple[Server, Load]] = []
    absent: dict[str, str] = {}
    for size in sizes:
        same = size.names, size.prefixes
        try:
            running[same] = running.get(same) or _start(here, size)
            loads.append((replace(running[same], name=size.title), _load(here, size)))
        except Unavailable as reason:
            absent[size.title] = str(reason)
            here.processes.stop(size.title)
    return loads, absent


def _start(here: Setup, size: Size) -> Server:
    """Raises Unavailable."""
    say(f"starting {size.title}")
    port = free_port()
    told = map(str, (port, size.names, size.prefixes, here.folder))
    command = Command(arguments=[sys.executable, "-m", "bench.dns.alone", "native", *told])
    here.processes.start(size.title, command, here.server_core)
    octets = first_answer(here.processes, size.title, port, here.clients[0][0], _START_S)
    return Server(name=size.title, port=port, reply_bytes=octets, process=size.title)


def _load(here: Setup, size: Size) -> Load:
    """All names of that size; clients in the own prefixes if it has any."""
    load = replace(here.load, names=here.folder / f"names-{size.names}")
    setup.write_names(load.names, World(names=size.names))
    if size.prefixes:
        load = replace(load, prefixes=here.folder / f"prefixes-{size.prefixes}")
        setup.write_prefixes(load.prefixes, _own(here, size.prefixes))
    return load


def _own(here: Setup, count: int) -> list[IPv4Address]:
    """As many as are asked from otherwise, of the own prefixes."""
    wanted = min(count, len(here.clients))
    return [address for address, _ in islice(database.clients(here.database, count, alone.SEED), wanted)]


if __name__ == "__main__":
    main()
