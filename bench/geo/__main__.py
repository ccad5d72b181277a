"""How long a geo database takes from its file to a class map in a snapshot's chunks, and what memory and loop lag.

    python -m bench.geo [--database FILE ...]

Each database in a process of its own: the bundled country database, then a made-up one of city size, four million
networks with 100,000 different records that no two neighbours share, which is worse than real ones. Meanwhile an event
loop runs beside it, as in a coordinator, and says how late it was at worst.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.geo.cities import write
from gslb import native
from gslb.codec.snapshot import dump_class_map, dump_snapshot, load_snapshot
from gslb.config import BundleSource, load
from gslb.core.classes.maps import class_maps
from gslb.core.compile import compile_snapshot
from gslb.core.model import Model
from gslb.core.order import Order
from gslb.geo import database
from gslb.runtime.garbage import building

TICK_S = 0.005
SITES = {
    "virginia": (38.9, -77.4),
    "oregon": (45.8, -119.7),
    "saopaulo": (-23.5, -46.6),
    "dublin": (53.3, -6.3),
    "frankfurt": (50.1, 8.7),
    "mumbai": (19.1, 72.9),
    "tokyo": (35.7, 139.7),
    "sydney": (-33.9, 151.2),
}


def main(paths: list[Path]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        city = Path(folder) / "city.mmdb"
        if not paths:
            write(city)
        for chosen in [[path] for path in paths] or [[], [city]]:
            subprocess.run([sys.executable, "-m", "bench.geo", "--alone", *chosen], check=True)


async def alone(paths: list[Path]) -> None:
    """Measure one database in this process."""
    model = configured()
    print(f"{paths[0].name if paths else 'the bundled country database'}:")
    before = memory_bytes("VmRSS")
    worst = asyncio.create_task(lag())
    await asyncio.to_thread(work, model, paths)
    worst.cancel()
    late_s, cpu_s = await worst
    print(f"  {'largest delay of the event loop':<32} {1e3 * late_s:8.1f} ms ({1e3 * cpu_s:.1f} ms CPU)")
    print(f"  {'memory at most, above the start':<32} {(memory_bytes('VmHWM') - before) / 1e6:8.1f} MB")


def work(model: Model, paths: list[Path]) -> None:
    with building(), timed("from the file to the chunks"):  # as a coordinator does it
        with timed("  read"):
            table = database.read(paths, ())
        with timed("  class map of one policy"):
            classes = class_maps(model, table, native.overlay)
        with timed("  chunks"):
            chunks = {name: dump_class_map(name, found) for name, found in classes.items()}
    serials = {zone.apex: 1 for zone in model.zones}
    snapshot = compile_snapshot(model, classes, order=Order(1, 1, 0), serials=serials, earlier=(), seed=1)
    bundle = dump_snapshot(snapshot, chunks)
    with timed("load the snapshot"):
        load_snapshot(bundle.manifest, bundle.chunks)
    (found,) = classes.values()
    of_place = len(table.v4.starts) + len(table.v6.starts)
    of_class = sum(len(ranges.starts) for ranges in (found.full_v4, found.full_v6, found.ecs_v4, found.ecs_v6))
    size_bytes = sum(map(len, bundle.chunks.values()))
    print(f"  {of_place:,} ranges of {len(table.places):,} places; a class map of {of_class:,} ranges and", end=" ")
    print(f"{len(found.keys):,} classes in {size_bytes / 1e6:.1f} MB of chunks")


@contextmanager
def timed(what: str) -> Iterator[None]:
    """By the clock, and of this thread's CPU: the difference is what else the machine did."""
    begun, begun_cpu = time.perf_counter(), time.thread_time()
    yield
    taken, taken_cpu = time.perf_counter() - begun, time.thread_time() - begun_cpu
    print(f"  {what:<32} {taken:8.2f} s  ({taken_cpu:.2f} s CPU)")


async def lag() -> tuple[float, float]:
    """Until cancelled: by how much the loop was late at worst, and this process's CPU in that time."""
    worst, due = (0.0, 0.0), time.monotonic() + TICK_S
    try:
        while True:
            begun_cpu = time.process_time()
            await asyncio.sleep(due - time.monotonic())
            worst = max(worst, (time.monotonic() - due, time.process_time() - begun_cpu))
            due = time.monotonic() + TICK_S
    except asyncio.CancelledError:
        return worst


def configured() -> Model:
    """One policy: a rule for each of some countries, else the nearest of eight sites."""
    rules = [{"match": {"country": [code]}, "try": ["dublin"]} for code in ("DE", "FR", "GB", "BR", "IN", "JP")]
    content = {
        "zones": [{"name": "bench.test", "nameservers": ["ns1.elsewhere.test"], "contact": "ops@bench.test"}],
        "sites": [
            {"name": site, "location": {"latitude": latitude, "longitude": longitude}}
            for site, (latitude, longitude) in SITES.items()
        ],
        "pools": [{"name": site, "site": site, "members": [{"name": "m", "host": "a.test"}]} for site in SITES],
        "services": [
            {
                "name": "www.bench.test",
                "pools": list(SITES),
                "steering": [{"geo": {"rules": rules, "otherwise": "nearest"}}, "weighted"],
            }
        ],
    }
    return load(BundleSource({"gslb.yaml": json.dumps(content).encode()}), "gslb.yaml").model


def memory_bytes(kind: str) -> int:
    """Of this process, by /proc: VmRSS now, VmHWM at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(kind))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", type=Path, action="append", default=[])
    parser.add_argument("--alone", type=Path, nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone is None:
        main(options.database)
    else:
        asyncio.run(alone(options.alone))
