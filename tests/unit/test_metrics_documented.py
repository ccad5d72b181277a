"""docs/metrics.md names every metric with its labels, and none that does not exist."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.registry import Collector

from dns_server.demand import Demand
from dns_server.engines.choice import make_engine
from dns_server.files import Files
from dns_server.freshness import Freshness
from dns_server.guides import Guides
from dns_server.metrics import DnsCollector, Sources
from dns_server.replica import Replica
from dns_server.self_query import SelfQuery
from gslb.coordinator.metrics import Metrics
from gslb.coordinator.relay.demand import DemandCollector
from gslb.coordinator.relay.hub import Hub
from site_agent.metrics import AgentMetrics

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
SUFFIXES = {"counter": "_total", "info": "_info"}


class Recorder(CollectorRegistry):
    """Remembers what registers."""

    def __init__(self) -> None:
        super().__init__()
        self.collectors: list[Collector] = []

    def register(self, collector: Collector) -> None:
        super().register(collector)
        self.collectors.append(collector)

    def families(self) -> Iterator[tuple[Metric, tuple[str, ...]]]:
        """With the names of its labels, which nobody tells in public as long as there are no samples."""
        for collector in self.collectors:
            for family in collector.collect():
                if family.type == "info":
                    yield family, tuple(family.samples[0].labels)
                else:
                    yield family, (collector if hasattr(collector, "_labelnames") else family)._labelnames


def dns(folder: Path, registry: Recorder) -> None:
    engine = make_engine("python", entropy=1)
    replica = Replica(lambda view: None, lambda kind, dump: None)
    sources = Sources(
        engine=engine,
        replica=replica,
        self_query=SelfQuery(replica, lambda: 0.0),
        files=Files(folder),
        freshness=Freshness(engine, folder / "heard", None, clock=lambda: 0.0, wall_clock=lambda: 0.0),
        guides=Guides.read(None, (), folder / "break-glass.yaml", folder / "kept"),
        demand=Demand(engine.take_asked),
        beat_s={},
        now_s=lambda: 0.0,
    )
    registry.register(DnsCollector(sources))


def coordinator(_: Path, registry: Recorder) -> None:
    hub = Hub(incarnation=1, clock=lambda: 0.0, metrics=Metrics(registry))
    registry.register(DemandCollector(hub.demands))


def agent(_: Path, registry: Recorder) -> None:
    AgentMetrics(registry)


def documented(part: str) -> Mapping[str, frozenset[str]]:
    """By name: the labels."""
    section = PAGE.read_text().partition(f"\n## {part}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \|(.*?) \| \S.* \|$", section, re.MULTILINE)
    assert len(rows) == section.count("\n| `"), "a row that is no metric"
    assert len({name for name, _ in rows}) == len(rows), "a metric is named twice"
    return {name: frozenset(re.findall(r"`(\w+)`", labels)) for name, labels in rows}


@pytest.mark.parametrize(("part", "show"), [("Dns server", dns), ("Coordinator", coordinator), ("Agent", agent)])
def test_what_is_documented_is_what_there_is(part: str, show: Callable[[Path, Recorder], None], tmp_path: Path) -> None:
    registry = Recorder()
    show(tmp_path, registry)
    assert documented(part) == {
        family.name + SUFFIXES.get(family.type, ""): frozenset(labels) for family, labels in registry.families()
    }
