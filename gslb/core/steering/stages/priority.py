"""`priority`: the first tier that has something available."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from gslb.core.place import Place
from gslb.core.steering.stages import parameters
from gslb.core.steering.stages.base import Bench, Key, Reach, Role, Row, Step
from gslb.core.steering.stages.match import Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Priority:
    """Slots in no tier come last: they stay only where no tier has anything."""

    tiers: tuple[tuple[str, ...], ...]

    kind: ClassVar[str] = "priority"
    role: ClassVar[Role] = Role.FILTER

    def slots(self) -> frozenset[str]:
        return frozenset(slot for tier in self.tiers for slot in tier)

    def cidrs(self) -> tuple[Network, ...]:
        return ()

    def classify(self, place: Place, cidr: Network | None, near: Mapping[str, int | None]) -> Key:
        return ""

    def apply(self, row: Row, key: Key, bench: Bench) -> Step:
        for number, tier in enumerate(self.tiers, start=1):
            kept = tuple(pair for pair in row if pair[0] in tier)
            if kept:
                return Step(row=kept, reason=f"tier {number} ({', '.join(tier)})")
        return Step(row=row, reason="no tier has anything available: all stay")

    def bound(self, reach: Reach, key: Key, sites: Mapping[str, str]) -> Reach:
        groups = [*(reach.slots.intersection(tier) for tier in self.tiers), reach.slots - self.slots()]
        return Reach(slots=reach.slots, single=reach.single or all(len(group) <= 1 for group in groups))

    def describe(self, key: Key) -> str:
        return ""

    def dump(self) -> str:
        return parameters.dump({"tiers": self.tiers})

    @classmethod
    def load(cls, text: str) -> Self:
        tiers = parameters.items(parameters.load(text).get("tiers"))
        return cls(tiers=tuple(parameters.texts(tier) for tier in tiers))
