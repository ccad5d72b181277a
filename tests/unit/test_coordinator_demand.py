"""Demand at the coordinator: what dns servers tell is in status and metrics, what makes no sense is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.coordinators import CONFIG, DnsServer, Running, coordinator, files
from support.waiting import eventually, until

from gslb.api.v1 import discovery_pb2 as pb
from gslb.api.v1.admin_pb2 import ServiceStatus
from gslb.codec.facts import dump_order
from gslb.coordinator.relay.demand import MAX_ANSWERS, MAX_TOLD, MOST_SHOWN
from gslb.core.order import Order
from gslb.core.snapshot import Snapshot

AAA = "  - {name: aaa.gslb.test, pools: [web-us]}\n"
SERVICES = "".join(f"\n  - {{name: s{number:02}.gslb.test, pools: [web-us]}}" for number in range(MOST_SHOWN + 5))


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with coordinator(tmp_path) as started:
        await started.applied()
        yield started


def demand(snapshot: Snapshot, *told: tuple[int, int, int], rest: int = 0) -> pb.Demand:
    """Of (service, class, answers)."""
    services, classes, answers = zip(*told, strict=True) if told else ((), (), ())
    return pb.Demand(order=dump_order(snapshot.order), services=services, classes=classes, answers=answers, rest=rest)


def rate(running: Running, service: str) -> float:
    return running.count("demand_queries_per_second", service=service)


async def status_of(running: Running, name: str) -> ServiceStatus:
    return next(service for service in (await running.status()).services if service.name == name)


async def test_answers_of_two_dns_servers_add_up_by_service_and_class(running: Running) -> None:
    async with running.dns_server("d1") as one, running.dns_server("d2") as two:
        snapshot = await one.fetch()
        labels = snapshot.classes[snapshot.model.services[0].policy].labels
        europe = next(cls for cls, label in enumerate(labels) if "EU" in label)
        await one.send(demand=demand(snapshot, (0, europe, 6_000), (0, 1 - europe, 2_000)))
        await two.send(demand=demand(snapshot, (0, 1 - europe, 2_000), rest=500))
        await until(lambda: running.count("demand_answers_total") == 10_500)
        await until(lambda: rate(running, "www.gslb.test") > 0 and rate(running, "other") > 0)
        status = await running.status()
        (service,) = status.services
        assert 0 < service.queries_per_s < status.queries_per_s
        (family,) = service.families
        by_pool = {part.pools[0].name: part.queries_per_s for part in family.classes}
        assert by_pool["web-eu"] / by_pool["web-us"] == pytest.approx(1.5)
        assert sum(by_pool.values()) == pytest.approx(service.queries_per_s)


async def test_demand_goes_on_over_a_new_configuration(running: Running) -> None:
    async with running.dns_server("d1") as dns:
        before = await dns.fetch()
        await dns.send(demand=demand(before, (0, 0, 1_000_000)))
        await until(lambda: rate(running, "www.gslb.test") > 0)
        await running.applied(files(CONFIG.replace("services:\n", f"services:\n{AAA}")))
        await dns.until(lambda: dns.manifest_order.config == 2)
        after = await dns.fetch()
        assert str(after.model.services[0].name) == "aaa.gslb.test"
        assert (await status_of(running, "www.gslb.test")).queries_per_s > 0
        assert (await status_of(running, "aaa.gslb.test")).queries_per_s == 0
        await dns.send(demand=demand(before, (0, 0, 10)))  # it still serves the one before
        await dns.send(demand=demand(after, (0, 0, 10)))
        await until(lambda: running.count("demand_answers_total") == 1_000_020)
        await until(lambda: rate(running, "aaa.gslb.test") > 0)


async def test_only_the_largest_services_have_a_series(tmp_path: Path) -> None:
    async with coordinator(tmp_path) as running:
        await running.applied(files(CONFIG + SERVICES[1:] + "\n"))
        async with running.dns_server("d1") as dns:
            snapshot = await dns.fetch()
            told = [(number, 0, 100 * (number + 1)) for number in range(len(snapshot.model.services))]
            await dns.send(demand=demand(snapshot, *told))
            await until(lambda: rate(running, "other") > 0)
    (family,) = (one for one in running.registry.collect() if one.name == "gslb_coordinator_demand_queries_per_second")
    shown = {sample.labels["service"]: sample.value for sample in family.samples}
    assert len(shown) == MOST_SHOWN + 1
    assert shown["other"] / sum(shown.values()) == pytest.approx(sum(range(1, 7)) / sum(range(1, len(told) + 1)))


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (pb.Demand(services=[0], classes=[0], answers=[1, 1]), "unequal lengths"),
        (pb.Demand(services=[0], answers=[1]), "unequal lengths"),
        (
            pb.Demand(services=[0] * (MAX_TOLD + 1), classes=[0] * (MAX_TOLD + 1), answers=[1] * (MAX_TOLD + 1)),
            "too many pairs",
        ),
        (pb.Demand(services=[0], classes=[0], answers=[MAX_ANSWERS + 1]), "too many answers"),
        (pb.Demand(rest=(1 << 64) - 1), "too many answers"),
        (pb.Demand(services=[1], classes=[0], answers=[1]), "no such service or class"),
        (pb.Demand(services=[0], classes=[(1 << 32) - 1], answers=[1]), "no such service or class"),
        (pb.Demand(services=[(1 << 32) - 1], classes=[0], answers=[1], rest=7), "no such service or class"),
    ],
)
async def test_what_makes_no_sense_is_refused_whole(running: Running, message: pb.Demand, reason: str) -> None:
    async with running.dns_server("d1") as dns:
        snapshot = await dns.fetch()
        message.order.CopyFrom(dump_order(snapshot.order))
        await dns.send(demand=message)
        await until(lambda: running.count("demand_refused_total", reason=reason) == 1)
        await goes_on(running, dns, snapshot)


@pytest.mark.parametrize("other", [Order(), Order(1, 1, 0), Order(1 << 63, 1, 0)])
async def test_numbers_of_another_snapshot_are_refused(running: Running, other: Order) -> None:
    async with running.dns_server("d1") as dns:
        snapshot = await dns.fetch()
        await dns.send(demand=pb.Demand(order=dump_order(other), services=[0], classes=[0], answers=[1]))
        await until(lambda: running.count("demand_refused_total", reason="unknown snapshot") == 1)
        await goes_on(running, dns, snapshot)


async def goes_on(running: Running, dns: DnsServer, snapshot: Snapshot) -> None:
    """The stream is as good as before, and nothing of what was refused counts."""
    assert running.count("demand_answers_total") == 0
    await dns.send(demand=demand(snapshot, (0, 0, 3)))
    await until(lambda: running.count("demand_answers_total") == 3)


async def test_a_dns_server_without_a_snapshot_may_say_so(tmp_path: Path) -> None:
    async with coordinator(tmp_path) as running, running.dns_server("d1") as dns:
        await dns.send(demand=pb.Demand(rest=4))
        await until(lambda: running.count("demand_answers_total") == 4)

        async def is_seen() -> bool:
            return (await running.status()).queries_per_s > 0

        await eventually(is_seen)
