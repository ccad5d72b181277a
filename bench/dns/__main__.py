"""Compare our DNS server with others that steer: `python -m bench.dns [--servers A,B] [--rounds N] [--seconds S] ...`.

All serve the same names with the same rules and the same country database, are pinned to one core and loaded from
another, in turns. Peers come from Debian packages, unpacked and never installed; one that cannot take part has a row
that says why. Loopback only.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.dns import database, rounds, servers, table
from bench.dns.processes import Processes
from bench.dns.world import ZONE, World

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / "build" / "bench"
SEED = 7


def main() -> None:
    given = _arguments()
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
        clients = list(database.clients(place, given.prefixes, SEED))
        (folder / "names").write_text("".join(f"{label}.{ZONE}\n" for label, _ in world.labels()))
        (folder / "prefixes").write_text("".join(f"{address}\n" for address, _ in clients))
        processes = Processes(folder=folder)
        load = rounds.Load(
            generator=generator,
            names=folder / "names",
            prefixes=folder / "prefixes",
            core=cores[-1],
            seconds=given.seconds,
            window=given.window,
            rate=given.rate,
        )
        field = servers.Servers(
            world=world,
            folder=folder,
            packages=BUILD / "packages",
            database=place,
            generator=generator,
            clients=clients,
            processes=processes,
            server_core=cores[0],
            load_core=cores[-1],
        )
        try:
            field.start(given.servers.split(","))
            for absent, reason in field.absent.items():
                _say(f"{absent} does not take part: {reason}")
            turns = rounds.measure(field.present, processes, load, given.rounds, _say)
        finally:
            processes.stop_all()
    text = table.render(_command(), world.names, load, turns, field.absent, given.note)
    print(text)
    if given.into is not None:
        table.put(text, given.into)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.dns", description=__doc__)
    parser.add_argument("--servers", default=",".join(servers.NAMES), help="of: %(default)s")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each of a turn's two parts")
    parser.add_argument("--window", type=int, default=128, help="queries under way when flooding")
    parser.add_argument("--rate", type=int, default=20_000, help="queries a second when latency is measured")
    parser.add_argument("--names", type=int, default=1_000)
    parser.add_argument("--prefixes", type=int, default=200_000)
    parser.add_argument("--note", default="", help="what a reader should know about the machine, e.g. who else used it")
    parser.add_argument("--into", type=Path, help="also put the table into this file, e.g. docs/benchmarks.md")
    return parser.parse_args()


def _command() -> str:
    return f"python -m bench.dns {' '.join(sys.argv[1:])}".strip()


def _built_generator() -> Path:
    """The load generator, built when its sources changed."""
    if shutil.which("cargo") is None:
        raise SystemExit("the load generator is built with cargo: install Rust (https://rustup.rs) first")
    target = BUILD / "target"
    manifest = HERE.parent / "load" / "Cargo.toml"
    command = ["cargo", "build", "--quiet", "--release", "--locked", "--manifest-path", str(manifest)]
    subprocess.run([*command, "--target-dir", str(target)], check=True)
    return target / "release" / "bench-load"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
