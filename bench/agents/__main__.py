"""What many agents cost one coordinator: `python -m bench.agents [--sites N] [--members N] [--at-once N]`.

A real coordinator on a core of its own; simulated agents, a real dns server and two that only listen share another.
Measured: the coordinator's CPU and memory while all members are up and while all are down, what agents write, how long
until a large site that goes down at once is down everywhere and in the answers, and until agents that lost their
connections together are back. Loopback only, about two minutes on two free cores.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
from collections.abc import Sequence
from pathlib import Path

from bench.agents.installation import Steady, installed
from bench.agents.world import World
from bench.dns import table

_WORDS = ("down", "up")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.agents", description=__doc__)
    parser.add_argument("--sites", type=int, default=500, help="each with one agent")
    parser.add_argument("--members", type=int, default=200, help="of each site")
    parser.add_argument("--at-once", type=int, default=1_000, help="members of the large site")
    parser.add_argument("--again", type=int, default=200, help="agents that reconnect at once")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement of what is steady")
    parser.add_argument("--changes", type=int, default=10, help="how often the large site goes down or comes back")
    parser.add_argument("--note", default="", help="what a reader should know of the machine, such as who else used it")
    parser.add_argument("--into", type=Path, help="also put the result into this file, such as docs/benchmarks.md")
    parser.set_defaults(prog="bench.agents")
    given = parser.parse_args()
    world = World(sites=given.sites, members=given.members, at_once=given.at_once)
    rows = asyncio.run(_measure(world, given))
    text = table.origin(given) + (
        f"{given.sites:,} agents with {given.members:,} members each and one with {given.at_once:,}; three dns servers."
        "\n\n| what | measured |\n| --- | --- |\n"
    )
    text += "".join(f"| {row} |\n" for row in rows)
    print(text)
    if given.into is not None:
        table.put(text, "agents", given.into)


async def _measure(world: World, given: argparse.Namespace) -> list[str]:
    async with installed(world) as installation:
        await installation.turn("up")
        up = await installation.steady(given.seconds)
        await installation.turn("down")
        down = await installation.steady(given.seconds)
        await installation.turn("up")
        taken = [await installation.change(_WORDS[turn % 2]) for turn in range(given.changes)]
        told, answered = zip(*taken, strict=True)
        again_s = await installation.again(given.again)
    return [
        *_rows("up", up),
        *_rows("down", down),
        f"bytes a second, all down against all up | {down.octets_per_s / up.octets_per_s - 1:+.1%}",
        f"the store was written to meanwhile | {'yes' if up.is_store_written or down.is_store_written else 'no'}",
        f"{given.at_once:,} members go down or come back at once: every dns server knows after | {_summary(told)}",
        f"and the answer on the wire has changed after | {_summary(answered)}",
        f"{given.again} agents reconnect at once: every dns server has new reports of all after | {again_s:.1f} s",
    ]


def _rows(what: str, steady: Steady) -> list[str]:
    return [
        f"all {what}: the coordinator uses | {steady.share:.1%} of a core, {steady.resident_bytes / 1e6:.0f} MB",
        f"all {what}: agents write | {steady.octets_per_s / 1e3:,.0f} kB/s in {steady.messages_per_s:,.0f} messages/s",
    ]


def _summary(seconds: Sequence[float]) -> str:
    return f"median {statistics.median(seconds) * 1e3:.0f} ms, worst {max(seconds) * 1e3:.0f} ms"


if __name__ == "__main__":
    main()
