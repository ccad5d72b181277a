"""From queries on real sockets to the demand of every coordinator: asked = answered = counted = seen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from prometheus_client import CollectorRegistry
from support.coordinators import LONDON, NEW_YORK, UP, Running, coordinator
from support.dnsworld import query_for
from support.udp import ask_udp
from support.waiting import until

from dns_server.demand import MAX_WAITING, Demand
from dns_server.engines.base import Asked
from dns_server.main import Bound, run
from dns_server.options import Options
from gslb.core.order import Order
from gslb.runtime.addresses import SocketAddress

LOOPBACK = SocketAddress("127.0.0.1", 0)
DEADLINE_S = 10.0


@dataclass
class Served:
    bound: Bound
    registry: CollectorRegistry

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"gslb_dns_{name}", labels) or 0.0

    async def ask(self, subnet: str, times: int) -> None:
        """www.gslb.test, one after the other: of large batches only a sample counts in the demand."""
        (at,) = self.bound.listen
        for _ in range(times):
            await ask_udp(at, query_for("www.gslb.test", "A", subnet).to_wire())


@asynccontextmanager
async def dns_server(folder: Path, engine: str, *coordinators: Running) -> AsyncIterator[Served]:
    ready: asyncio.Future[Bound] = asyncio.get_running_loop().create_future()
    registry = CollectorRegistry()
    options = Options(
        name="d",
        listen=(LOOPBACK,),
        coordinators=tuple(SocketAddress("127.0.0.1", each.bound.port) for each in coordinators),
        data=folder,
        engine=engine,
        metrics=LOOPBACK,
    )
    task = asyncio.create_task(run(options, on_ready=ready.set_result, registry=registry))
    await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED, timeout=DEADLINE_S)
    try:
        yield Served(ready.result(), registry)
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.mark.parametrize("engine", ["native", "python"])
async def test_queries_asked_are_answers_counted_and_demand_seen(engine: str, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(coordinator(tmp_path / "c1"))
        second = await stack.enter_async_context(coordinator(tmp_path / "c2"))
        await first.applied()
        us = await stack.enter_async_context(first.agent("us/a"))
        eu = await stack.enter_async_context(first.agent("eu/a"))
        await us.report(UP, UP)
        await eu.report(UP)
        served = await stack.enter_async_context(dns_server(tmp_path / "dns", engine, first, second))
        await until(lambda: served.count("order", number="config") == 1)
        await until(lambda: first.count("streams", service="Discovery") == 1)
        await until(lambda: second.count("streams", service="Discovery") == 1)
        await served.ask(LONDON, 30)
        await served.ask(NEW_YORK, 10)
        await until(lambda: first.count("demand_answers_total") == 40)
        assert served.count("demand_answers_total", told="by service and class") == 40
        assert served.count("answers_total", service="www.gslb.test", pool="web-eu") == 30
        assert served.count("answers_total", service="www.gslb.test", pool="web-us") == 10
        # The other coordinator's store is another one: it has no such snapshot, and says so
        await until(lambda: second.count("demand_refused_total", reason="unknown snapshot") >= 1)
        assert second.count("demand_answers_total") == 0
        await until(lambda: first.count("demand_queries_per_second", service="www.gslb.test") > 0)
        (service,) = (await first.status()).services
        by_pool = {part.pools[0].name: part.queries_per_s for family in service.families for part in family.classes}
        assert by_pool["web-eu"] > by_pool["web-us"] > 0
        await check_page(served)


async def check_page(served: Served) -> None:
    """What Prometheus gets of it."""
    async with aiohttp.ClientSession() as http, http.get(f"http://{served.bound.metrics}/metrics") as page:
        lines = set((await page.text()).splitlines())
    for line in (
        "# TYPE gslb_dns_answers_total counter",
        'gslb_dns_answers_total{pool="web-eu",service="www.gslb.test"} 30.0',
        'gslb_dns_answers_total{pool="",service="other"} 0.0',
        "gslb_dns_answers_folded_pairs 0.0",
        "# TYPE gslb_dns_latency_seconds histogram",
        'gslb_dns_demand_answers_total{told="by service and class"} 40.0',
        'gslb_dns_demand_answers_total{told="in sum"} 0.0',
        "gslb_dns_demand_dropped_total 0.0",
    ):
        assert line in lines
    for timed in ('bucket{le="+Inf",transport="udp"}', 'count{transport="udp"}'):  # with what it asks itself
        (found,) = (line for line in lines if line.startswith(f"gslb_dns_latency_seconds_{timed}"))
        assert float(found.split()[-1]) >= 40
    bounds = [line.split('"')[1] for line in lines if line.startswith("gslb_dns_latency_seconds_bucket{")]
    assert {"1e-06", "0.001024", "1.048576"} <= set(bounds)


def test_every_stream_gets_every_second_and_a_slow_one_loses_the_oldest() -> None:
    seconds = [Asked(order=Order(1, 2, 0), most=[(5, 3, number)], rest=1) for number in range(1, MAX_WAITING + 3)]
    left = iter(seconds)
    demand = Demand(lambda: next(left))
    with demand.heard() as slow:
        with demand.heard() as quick:
            for asked in seconds:
                demand.tell()
                message = quick.get_nowait()
                assert (message.order.config, list(message.services), list(message.classes)) == (2, [5], [3])
                assert (list(message.answers), message.rest) == ([asked.most[0][2]], 1)
        kept = [slow.get_nowait().answers[0] for _ in range(slow.qsize())]
    assert kept == [asked.most[0][2] for asked in seconds[-MAX_WAITING:]]
    assert demand.dropped == 2
    assert (demand.named, demand.rest) == (sum(asked.most[0][2] for asked in seconds), len(seconds))
