"""One engine of ours in a process of its own, with a world of any size and nobody to feed it.

`python -m bench.dns.alone ENGINE PORT NAMES PREFIXES FOLDER`: serves NAMES names, with PREFIXES own /24 prefixes over
the country database, and publishes a decision in which one more or one less pool serves as many times a second as the
file FOLDER/swaps says. So one process is measured with and without: two would differ by where their memory lies, too.
The model is multiplied here instead of being read from a file of a million names: what is measured is serving.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

from bench.dns import database, world
from bench.dns.peers.aya import configuration
from bench.dns.world import World
from dns_server.engines.base import Engine
from dns_server.engines.choice import make_engine
from gslb.codec.snapshot import dump_snapshot, refs
from gslb.config import BundleSource, load
from gslb.core.answering.view import View, build_view
from gslb.core.classes.maps import class_maps
from gslb.core.compile import compile_snapshot
from gslb.core.directives import NO_DIRECTIVES, Action, Directives, Override, Scope, ScopeKind
from gslb.core.facts import NO_FACTS
from gslb.core.model import Model, OwnPrefix
from gslb.core.names import Name
from gslb.core.order import Order
from gslb.core.silence import NO_SILENCE
from gslb.core.snapshot import Snapshot
from gslb.core.steering.decide import decide
from gslb.geo.database import read
from gslb.runtime.addresses import SocketAddress

SEED = 11
_SWAPPED = "s0-US"
_SWAPS = "swaps"
_LOOK_S = 0.2


def main() -> None:
    engine, port, names, prefixes, folder = sys.argv[1:]
    snapshot = _snapshot(World(names=int(names)), int(prefixes), Path(folder) / "country.mmdb")
    asyncio.run(_serve(make_engine(engine, entropy=SEED), int(port), snapshot, Path(folder)))


def tell_swaps(folder: Path, swaps: int) -> None:
    """To all that run with this folder; they follow within `_LOOK_S`."""
    new = folder / "swaps.new"
    new.write_text(f"{swaps}\n")
    new.replace(folder / _SWAPS)


def _told(swaps: Path) -> int:
    return int(swaps.read_text())


async def _serve(engine: Engine, port: int, snapshot: Snapshot, folder: Path) -> None:
    index = build_view(snapshot)
    whole = decide(snapshot, NO_DIRECTIVES, NO_FACTS, NO_SILENCE)
    less = decide(snapshot, _less(), NO_FACTS, NO_SILENCE, previous=whole)
    again = decide(snapshot, NO_DIRECTIVES, NO_FACTS, NO_SILENCE, previous=less)
    bundle = dump_snapshot(snapshot)
    engine.prepare(index.with_decision(whole), [bundle.chunks[ref.digest] for ref in refs(bundle.manifest)])
    engine.publish(index.with_decision(whole))
    await engine.start([SocketAddress("127.0.0.1", port)])
    await _swap(engine, (index.with_decision(less), index.with_decision(again)), folder / _SWAPS)


async def _swap(engine: Engine, views: tuple[View, View], swaps: Path) -> None:
    """Until killed; only while somebody asks, so that servers that have their turn later disturb nobody."""
    asked = 0
    while True:
        before, asked = asked, engine.counters.queries_total
        wanted = _told(swaps)
        if wanted == 0 or asked == before:
            await asyncio.sleep(_LOOK_S)
        else:
            await _swap_for(_LOOK_S, engine, views, wanted)


async def _swap_for(seconds: float, engine: Engine, views: tuple[View, View], swaps: int) -> None:
    due = time.monotonic()
    for number in range(round(seconds * swaps)):
        engine.publish(views[number % 2])
        due += 1 / swaps
        await asyncio.sleep(max(0.0, due - time.monotonic()))


def _less() -> Directives:
    """One pool forced down: the one that most clients of a twentieth of all names are sent to."""
    override = Override(
        scope=Scope(ScopeKind.POOL, _SWAPPED),
        action=Action.FORCE_DOWN,
        who="bench",
        why="to swap",
        since_unix_s=0,
        until_unix_s=None,
    )
    return Directives(revision=1, overrides=(override,))


def _snapshot(of: World, prefixes: int, place: Path) -> Snapshot:
    small = json.dumps(configuration(World(names=world.SETS), place)).encode()
    source = BundleSource({"gslb.yaml": small, str(place): place.read_bytes()})
    model = _multiplied(load(source, "gslb.yaml").model, of)
    own = tuple(_own(place, prefixes)) if prefixes else ()
    return compile_snapshot(
        model,
        class_maps(model, read([place], own)),
        order=Order(1, 1, 0),
        serials={zone.apex: 1 for zone in model.zones},
        earlier=(),
        seed=SEED,
    )


def _multiplied(model: Model, of: World) -> Model:
    """As many services, each like the first of its set."""
    apex = model.zones[0].apex
    by_set = {service.bindings[0][1].partition("-")[0]: service for service in model.services}
    services = (
        replace(by_set[f"s{pools}"], name=Name.from_labels((label.encode(), *apex.labels)))
        for label, pools in of.labels()
    )
    return replace(model, services=tuple(services))


def _own(place: Path, count: int) -> Iterator[OwnPrefix]:
    """Each says another country with a pool of its own than the database."""
    for number, (address, country) in enumerate(database.clients(place, count, SEED)):
        there = world.OWN[number % len(world.OWN)]
        there = there if there != country else world.OWN[number % len(world.OWN) - 1]
        yield OwnPrefix(network=IPv4Network((address, 24)), tags=(), country=there, location=None)


if __name__ == "__main__":
    main()
