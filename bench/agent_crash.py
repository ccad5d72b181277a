"""From SIGKILL of a server process to DOWN: `python bench/agent_crash.py [--kills N] [--kind KIND ...]`.

Each time a real server process is started, probed until it is up, and killed. One prober in this process, without
coordinators; loopback only.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import statistics
import sys
import time
from ipaddress import ip_network

from prometheus_client import CollectorRegistry

from gslb.core.facts import Verdict
from gslb.core.layouts import Layout, Target
from gslb.core.monitors import HttpProbe, Monitor, TcpProbe
from gslb.core.order import Order
from site_agent.assignment import Assignment
from site_agent.metrics import AgentMetrics
from site_agent.prober import Prober
from site_agent.resolve import Resolver
from site_agent.sightings import sightings
from site_agent.target import Means
from site_agent.turnstile import Turnstile

KINDS: dict[str, HttpProbe | TcpProbe] = {
    "http": HttpProbe(
        tls=False,
        verify=False,
        host=None,
        sni=None,
        method="GET",
        path="/healthz",
        status=((200, 299),),
        body="ok",
        keep=False,
    ),
    "tcp": TcpProbe(tls=False, verify=False, sni=None),
}


def assignment(number: int, kind: str, port: int) -> Assignment:
    """One target, of a name never used before, so that nothing is remembered of the server killed last."""
    monitor = Monitor(
        name=kind,
        port=port,
        interval_ms=2000,
        timeout_ms=1000,
        fall=2,
        rise=3,
        ok=3,
        hold_ms=10_000,
        crash=True,
        probe=KINDS[kind],
    )
    target = Target(endpoint=f"server{number}", monitor=kind, address="127.0.0.1")
    return Assignment(
        order=Order(1, number, 0),
        layout=Layout(site="bench", targets=(target,)),
        monitors={kind: monitor},
        probe_allow=(ip_network("127.0.0.0/8"),),
    )


async def kill_one(number: int, kind: str, prober: Prober, changed: asyncio.Event) -> float:
    """Milliseconds from the signal to DOWN."""
    port = 20_000 + number
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gslb.cli.demo.server", "127.0.0.1", str(port), "bench"
    )
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            break
        except ConnectionRefusedError:
            await asyncio.sleep(0.01)
    made = assignment(number, kind, port)
    prober.assign(made)
    target = made.layout.targets[0]

    async def reach(verdict: Verdict) -> None:
        while prober.seen([target])[0].health.verdict is not verdict:
            changed.clear()
            await changed.wait()

    async with asyncio.timeout(20):
        await reach(Verdict.UP)
        await asyncio.sleep(random.uniform(0.1, 2.1))  # anywhere in the interval
        killed_s = time.monotonic()
        server.send_signal(signal.SIGKILL)
        await reach(Verdict.DOWN)
    took_ms = (time.monotonic() - killed_s) * 1000
    await server.wait()
    return took_ms


async def measure(kind: str, kills: int) -> None:
    changed = asyncio.Event()
    metrics = AgentMetrics(CollectorRegistry())
    means = Means(
        resolver=Resolver(),
        turnstile=Turnstile(),
        metrics=metrics,
        chance=random.random,
        sightings=sightings(None),
    )
    async with asyncio.TaskGroup() as tasks:
        prober = Prober(means, tasks, lambda _: changed.set())
        took_ms = sorted([await kill_one(number, kind, prober, changed) for number in range(kills)])
        prober.assign(
            Assignment(order=Order(2, 0, 0), layout=Layout(site="bench", targets=()), monitors={}, probe_allow=())
        )
    print(
        f"{kind:<5} {kills} kills   median {statistics.median(took_ms):.0f} ms"
        f"   p90 {took_ms[int(kills * 0.9)]:.0f} ms   worst {took_ms[-1]:.0f} ms",
        flush=True,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--kind", choices=tuple(KINDS), nargs="+", default=tuple(KINDS))
    given = parser.parse_args()
    for kind in given.kind:
        asyncio.run(measure(kind, given.kills))
    return 0


if __name__ == "__main__":
    sys.exit(main())
