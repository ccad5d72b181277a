"""`make chaos`; see `chaos`."""

from __future__ import annotations

import argparse
import asyncio
import compileall
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from support import etcd

import dns_server
import gslb
import site_agent
from chaos import enclosure, plan, table
from chaos.network import Network
from chaos.registry import Scenario, scenarios
from chaos.trials import Outcome, Trials
from chaos.world import World, world
from gslb.core.errors import GslbError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument(
        "--only", action="append", default=[], help="scenarios whose names contain this; repeat for more"
    )
    parser.add_argument("--list", action="store_true", dest="is_list", help="print the names and end")
    parser.add_argument("--long", action="store_true", help="take the time that a thorough look needs")
    parser.add_argument("--json", action="store_true", dest="is_json", help="print JSON in place of the table")
    parser.add_argument("--keep", type=Path, help="an empty folder for logs and data, which is left (default: none is)")
    given = parser.parse_args()
    chosen = scenarios([word for only in given.only for word in only.split(",")])
    if given.is_list or not chosen:
        print("\n".join(f"{one.name:<40} {one.fault}" for one in chosen) or "no scenario has such a name")
        return 0 if chosen else 2
    if not enclosure.is_inside():
        etcd.programs()  # fetched while there still is a network
        _compile()
        return enclosure.enter("chaos", sys.argv[1:])
    enclosure.prepare()
    with tempfile.TemporaryDirectory(prefix="chaos-") as name:
        outcomes = asyncio.run(_run_all(chosen, given.keep or Path(name), is_long=given.long))
    print(table.dump_json(outcomes) if given.is_json else f"\n{table.text(outcomes)}")
    return 1 if any(outcome.problems for outcome in outcomes) else 0


def _compile() -> None:
    """As pip does with all that it installs, so that processes start as fast from a working copy."""
    for package in (gslb, dns_server, site_agent):
        compileall.compile_dir(package.__path__[0], quiet=1)


async def _run_all(chosen: Sequence[Scenario], folder: Path, *, is_long: bool) -> list[Outcome]:
    """In one world; in another one once it could not be mended."""
    network = Network(plan.HOSTS, [(plan.SERVERS[one.site], one.address) for one in plan.members()])
    outcomes: list[Outcome] = []
    while len(outcomes) < len(chosen):
        place = folder / f"world-{len(outcomes)}"
        place.mkdir(parents=True)
        _say(f"starting {len(plan.members())} web servers, etcd and all of ours in {place}")
        async with world(place, network) as made:
            await _run_in(made, chosen[len(outcomes) :], outcomes, is_long=is_long)
    return outcomes


async def _run_in(world: World, chosen: Sequence[Scenario], outcomes: list[Outcome], *, is_long: bool) -> None:
    """Returns early when the world is beyond repair."""
    for one in chosen:
        outcomes.append(await _run(one, world, is_long=is_long))
        _say(table.line(outcomes[-1]))
        try:
            await world.mend()
        except GslbError as error:
            _say(f"after {one.name} the world is given up: {error}")
            return


async def _run(one: Scenario, world: World, *, is_long: bool) -> Outcome:
    _say(f"{one.name}: {one.fault}")
    world.client.heard.clear()
    trials = Trials(world=world, is_long=is_long)
    try:
        async with asyncio.timeout(one.within_s):
            await one.body(world, trials)
    except TimeoutError:
        trials.require(False, f"not done within {one.within_s:.0f} s")
    except (GslbError, AssertionError, OSError) as error:
        trials.require(False, f"{type(error).__name__}: {error}")
    return await trials.outcome(one.name, one.fault, one.limits)


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
