"""`weighted`: shares by configured weights, on top of what filters gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from gslb.core.place import Place
from gslb.core.steering.stages import parameters
from gslb.core.steering.stages.base import Bench, Key, Reach, Role, Row, Step
from gslb.core.steering.stages.match import Network


@dataclass(frozen=True, slots=True)
class Weighted:
    """`weights`: (slot, weight); a slot that is not listed has 1, one with 0 gets no traffic."""

    weights: tuple[tuple[str, int], ...] = ()

    kind: ClassVar[str] = "weighted"
    role: ClassVar[Role] = Role.SHARING

    def slots(self) -> frozenset[str]:
        return frozenset(slot for slot, _ in self.weights)

    def cidrs(self) -> tuple[Network, ...]:
        return ()

    def classify(self, place: Place, cidr: Network | None, near: Mapping[str, int | None]) -> Key:
        return ""

    def apply(self, row: Row, key: Key, bench: Bench) -> Step:
        own = dict(self.weights)
        shared = tuple((slot, weight * own.get(slot, 1)) for slot, weight in row if own.get(slot, 1))
        return Step(row=shared, reason="by weight")

    def bound(self, reach: Reach, key: Key, sites: Mapping[str, str]) -> Reach:
        return Reach(
            slots=reach.slots.difference(slot for slot, weight in self.weights if not weight), single=reach.single
        )

    def describe(self, key: Key) -> str:
        return ""

    def dump(self) -> str:
        return parameters.dump({"weights": self.weights})

    @classmethod
    def load(cls, text: str) -> Self:
        return cls(weights=parameters.shares(parameters.load(text).get("weights")))
