"""What every measurement of the DNS server needs first: two cores, a folder, database, clients and load generator."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from bench.dns import database
from bench.dns.processes import Processes, started_in
from bench.dns.rounds import Load
from bench.dns.world import ZONE, World

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "bench"
_SEED = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """`load`: what `given` asks for, with clients of the database and names of the world."""

    given: argparse.Namespace
    world: World
    folder: Path
    database: Path
    clients: tuple[tuple[IPv4Address, str], ...]
    processes: Processes
    load: Load
    server_core: int


def arguments(
    prog: str, about: str | None, *, servers: str | None = None, largest: int | None = None
) -> argparse.Namespace:
    """What all measurements can be told. `servers`: those there are, `largest`: the largest size, if one can choose."""
    parser = argparse.ArgumentParser(prog=f"python -m {prog}", description=about)
    if servers is not None:
        parser.add_argument("--servers", default=servers, help="of: %(default)s")
    if largest is not None:
        parser.add_argument("--largest", type=int, default=largest, help="leave out sizes above this")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each of a turn's two parts")
    parser.add_argument("--window", type=int, default=128, help="queries under way when flooding")
    parser.add_argument("--rate", type=int, default=20_000, help="queries a second when latency is measured")
    parser.add_argument("--names", type=int, default=1_000)
    parser.add_argument("--prefixes", type=int, default=200_000)
    parser.add_argument("--note", default="", help="what a reader should know of the machine, such as who else used it")
    parser.add_argument("--into", type=Path, help="also put the table into this file, such as docs/benchmarks.md")
    parser.set_defaults(prog=prog)
    return parser.parse_args()


@contextmanager
def prepared(given: argparse.Namespace) -> Iterator[Setup]:
    """Everything but the servers; whatever is in `processes` at the end is ended."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise SystemExit("two cores are needed: one for the server, one for the load generator")
    BUILD.mkdir(parents=True, exist_ok=True)
    generator = _built_generator()
    with tempfile.TemporaryDirectory(prefix="bench-dns-") as name:
        folder = Path(name)
        world = World(names=given.names)
        place = folder / "country.mmdb"
        database.write(place)
        clients = tuple(database.clients(place, given.prefixes, _SEED))
        load = Load(
            generator=generator,
            names=folder / "names",
            prefixes=folder / "prefixes",
            core=cores[-1],
            seconds=given.seconds,
            window=given.window,
            rate=given.rate,
        )
        write_names(load.names, world)
        write_prefixes(load.prefixes, (address for address, _ in clients))
        with started_in(folder) as processes:
            yield Setup(
                given=given,
                world=world,
                folder=folder,
                database=place,
                clients=clients,
                processes=processes,
                load=load,
                server_core=cores[0],
            )


def write_names(path: Path, world: World) -> None:
    path.write_text("".join(f"{label}.{ZONE}\n" for label, _ in world.labels()))


def write_prefixes(path: Path, addresses: Iterable[IPv4Address]) -> None:
    path.write_text("".join(f"{address}\n" for address in addresses))


def say(text: str) -> None:
    """Progress, beside the table."""
    print(text, file=sys.stderr, flush=True)


def _built_generator() -> Path:
    """The load generator, built when its sources changed."""
    if shutil.which("cargo") is None:
        raise SystemExit("the load generator is built with cargo: install Rust (https://rustup.rs) first")
    target = BUILD / "target"
    command = ["cargo", "build", "--quiet", "--release", "--locked", "--target-dir", str(target)]
    subprocess.run([*command, "--manifest-path", str(ROOT / "bench" / "load" / "Cargo.toml")], check=True)
    return target / "release" / "bench-load"
