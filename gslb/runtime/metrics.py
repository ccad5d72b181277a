"""Several parts' metrics on one page, for processes that hold several parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.registry import Collector


class Merged(Collector):
    """Families of one name from several registries become one family; `part` tells their samples apart."""

    def __init__(self, registries: Mapping[str, CollectorRegistry]) -> None:
        self._registries = registries

    def collect(self) -> Iterable[Metric]:
        families: dict[str, Metric] = {}
        for part, registry in self._registries.items():
            for family in registry.collect():
                merged = families.setdefault(
                    family.name, Metric(family.name, family.documentation, family.type, family.unit)
                )
                for sample in family.samples:
                    merged.samples.append(sample._replace(labels={**sample.labels, "part": part}))
        return families.values()


def merged_registry(registries: Mapping[str, CollectorRegistry]) -> CollectorRegistry:
    """One registry that shows what all of them hold now, also those that are added to the mapping later."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Merged(registries))
    return registry
