"""`nearest`: the closest site that has something available, by great circle in whole kilometres; ties share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Self

from gslb.core.place import Place
from gslb.core.steering.stages import parameters
from gslb.core.steering.stages.base import Bench, Key, Reach, Role, Row, Step
from gslb.core.steering.stages.match import Network

_THEN, _TIE = "<", "="


@dataclass(frozen=True, slots=True)
class Nearest:
    """The key is the order of sites, `us-east<eu-west=eu-central`. Sites without location follow as one last group.

    A client whose place is not known has key '' and keeps every slot.
    """

    kind: ClassVar[str] = "nearest"
    role: ClassVar[Role] = Role.FILTER

    def slots(self) -> frozenset[str]:
        return frozenset()

    def cidrs(self) -> tuple[Network, ...]:
        return ()

    def classify(self, place: Place, cidr: Network | None, near: Mapping[str, int | None]) -> Key:
        groups: dict[int, list[str]] = {}
        for site, distance_km in sorted(near.items()):
            if distance_km is not None:
                groups.setdefault(distance_km, []).append(site)
        return _THEN.join(_TIE.join(sites) for _, sites in sorted(groups.items()))

    def apply(self, row: Row, key: Key, bench: Bench) -> Step:
        if not key:
            return Step(row=row, reason="the client's place is not known: all stay")
        ranks = _ranks(key)
        sites = [bench.sites.get(slot, "") for slot, _ in row]
        distances = [ranks.get(site, len(ranks)) for site in sites]
        best = min(distances, default=0)
        kept = tuple([pair for pair, distance in zip(row, distances, strict=True) if distance == best])
        names = {site for site, distance in zip(sites, distances, strict=True) if site and distance == best}
        return Step(row=kept, reason=f"closest with something available: {', '.join(sorted(names)) or 'no known site'}")

    def bound(self, reach: Reach, key: Key, sites: Mapping[str, str]) -> Reach:
        ranks = _ranks(key)
        groups = [ranks.get(sites.get(slot, ""), len(ranks)) for slot in reach.slots] if key else []
        alone = bool(groups) and len(set(groups)) == len(groups)
        return Reach(slots=reach.slots, single=reach.single or alone)

    def describe(self, key: Key) -> str:
        return f"nearest {', '.join(_groups(key))}" if key else ""

    def dump(self) -> str:
        return parameters.dump({})

    @classmethod
    def load(cls, text: str) -> Self:
        parameters.load(text)
        return cls()


@lru_cache(maxsize=65_536)
def _ranks(key: Key) -> Mapping[str, int]:
    """Site -> its group's number; sites that are not here come last together."""
    groups = enumerate(key.split(_THEN))
    return {site: rank for rank, group in groups for site in group.split(_TIE)}


def _groups(key: Key) -> Iterator[str]:
    for group in key.split(_THEN):
        yield group.replace(_TIE, " and ")
