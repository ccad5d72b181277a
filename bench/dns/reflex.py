"""From a changed report to a changed answer: `python -m bench.dns.reflex [--services N] [--changes N] [--engine NAME]`.

This program is the agent: it writes reports to a real coordinator and asks a real dns server, as fast as it replies,
until what it answers has changed. Two worlds: all services share one pool, or each has a pool of its own and all of
them change in one report. Each pool has two members, of which one is up. Loopback only.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import statistics
import tempfile
import time
from collections.abc import Sequence
from ipaddress import IPv4Address
from pathlib import Path

from bench.dns import table
from bench.dns.asking import first_answer
from bench.dns.peers import aya
from bench.dns.processes import free_port, started_in
from bench.dns.setup import say
from bench.dns.world import ZONE
from gslb.api.v1 import facts_pb2
from gslb.api.v1 import health_pb2 as pb
from gslb.api.v1.health_pb2_grpc import HealthStub
from gslb.codec.facts import dump_report
from gslb.core.facts import AgentId, Cause, Report, State, Verdict
from gslb.runtime import rpc

AGENT = AgentId("here/bench")
UP, DOWN = State(Verdict.UP, Cause.OK).octet, State(Verdict.DOWN, Cause.REFUSED).octet
_SIDES = ("10.78", "10.79")
"""Where the first and the second member of every pool have their addresses."""
_WARM_UP = 5
_PAUSE_S = 0.2
_PATIENCE_S = 10
_START_S = 120


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.dns.reflex", description=__doc__)
    parser.add_argument("--services", type=int, default=1_000)
    parser.add_argument("--changes", type=int, default=50)
    parser.add_argument("--engine", default="native")
    parser.add_argument("--note", default="", help="what a reader should know of the machine, such as who else used it")
    parser.add_argument("--into", type=Path, help="also put the result into this file, such as docs/benchmarks.md")
    parser.set_defaults(prog="bench.dns.reflex")
    given = parser.parse_args()
    text = (
        table.origin(given) + f"{given.services:,} services, {given.engine} engine, {given.changes} changes each.\n\n"
    )
    text += "| services | one name's answer changed after | another's |\n| --- | --- | --- |\n"
    for what, pools in (("share one pool", 1), ("have a pool each, and all change at once", given.services)):
        first, last = asyncio.run(_measure(given.engine, given.services, pools, given.changes))
        text += f"| {what} | {_summary(first)} | {_summary(last)} |\n"
    print(text)
    if given.into is not None:
        table.put(text, "reflex", given.into)


async def _measure(engine: str, services: int, pools: int, changes: int) -> tuple[Sequence[float], Sequence[float]]:
    """Milliseconds until the first service's and the last service's answer had changed, of every change."""
    with tempfile.TemporaryDirectory(prefix="bench-reflex-") as name, started_in(Path(name)) as processes:
        coordinator = aya.start_coordinator(processes, Path(name), _configuration(services, pools), 1)
        port = free_port()
        processes.start("dns", aya.prepare(Path(name) / "dns", port, engine, coordinator), 0)
        first_answer(processes, "dns", port, IPv4Address("192.0.2.1"), _START_S)
        say(f"{pools} pools: up")
        return await _changes(coordinator, port, (0, services - 1), changes)


async def _changes(
    coordinator: int, port: int, watched: tuple[int, int], changes: int
) -> tuple[Sequence[float], Sequence[float]]:
    taken: tuple[list[float], list[float]] = ([], [])
    async with rpc.channel(f"127.0.0.1:{coordinator}") as channel:
        stream = HealthStub(channel).Exchange()
        await stream.write(pb.ExchangeRequest(hello=pb.AgentHello(agent=AGENT, boot=1)))
        greeting = await stream.read()
        assert isinstance(greeting, pb.ExchangeResponse)
        assignment = greeting.assignment
        for number in range(changes + _WARM_UP):
            report = pb.ExchangeRequest(report=_report(assignment, number + 1))
            started = time.perf_counter()
            waits = [asyncio.to_thread(_until, port, name, _side_up(number), started) for name in watched]
            waiting = asyncio.gather(*waits)
            await stream.write(report)
            for kept, seconds in zip(taken, await waiting, strict=True):
                if number >= _WARM_UP:
                    kept.append(seconds * 1e3)
            await asyncio.sleep(_PAUSE_S)
        stream.cancel()
    return taken


def _until(port: int, service: int, side: str, started: float) -> float:
    """Seconds from `started` until the service is answered with a member of that side."""
    wanted = IPv4Address(f"{side}.0.0").packed[:2]
    with socket.socket(type=socket.SOCK_DGRAM) as asking:
        asking.connect(("127.0.0.1", port))
        asking.settimeout(1)
        query = _query(service)
        while True:
            asking.send(query)
            if asking.recv(512)[-4:-2] == wanted:
                return time.perf_counter() - started
            if time.perf_counter() - started > _PATIENCE_S:
                raise SystemExit(f"after {_PATIENCE_S} s the answer has not changed")


def _query(service: int) -> bytes:
    """Without EDNS, so that a reply ends with the address."""
    labels = (_label(service), *ZONE.split("."))
    name = b"".join(bytes([len(label)]) + label.encode() for label in labels)
    return bytes((0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0)) + name + bytes((0, 0, 1, 0, 1))


def _report(assignment: pb.Assignment, sequence: int) -> facts_pb2.Report:
    """Every member of one side up, of the other down; sides change with every report."""
    up = _side_up(sequence - 1)
    states = bytes(UP if target.address.startswith(up) else DOWN for target in assignment.targets)
    return dump_report(Report(agent=AGENT, boot=1, sequence=sequence, layout=assignment.layout, states=states))


def _side_up(number: int) -> str:
    return _SIDES[number % 2]


def _label(service: int) -> str:
    return f"n{service:06}"


def _configuration(services: int, pools: int) -> object:
    return {
        "dns": {"rate_limit": "off"},  # it asks as fast as it is answered, from one address
        "zones": [{"name": ZONE, "nameservers": ["ns1.elsewhere.example"], "contact": f"hostmaster@{ZONE}"}],
        "sites": [{"name": "here"}],
        "monitors": [{"name": "web", "type": "tcp", "port": 80}],
        "defaults": {"monitor": "web"},
        "pools": [{"name": f"p{number}", "site": "here", "members": _members(number)} for number in range(pools)],
        "policies": [{"name": "all", "steering": ["weighted"]}],
        "services": [
            {"name": f"{_label(number)}.{ZONE}", "pools": [f"p{number % pools}"], "policy": "all"}
            for number in range(services)
        ],
    }


def _members(pool: int) -> object:
    return [{"name": f"m{pool}-{side}", "address": f"{side}.{pool // 250}.{pool % 250 + 1}"} for side in _SIDES]


def _summary(milliseconds: Sequence[float]) -> str:
    ordered = sorted(milliseconds)
    return f"median {statistics.median(ordered):.1f} ms, worst {ordered[-1]:.1f} ms"


if __name__ == "__main__":
    main()
