"""What `round_robin` and `hash` have in common: no parameters, equal shares.

Both are sticky by the client's prefix like every sharing stage; the two names are those by which people ask for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from gslb.core.place import Place
from gslb.core.steering.stages import parameters
from gslb.core.steering.stages.base import Bench, Key, Reach, Role, Row, Step
from gslb.core.steering.stages.match import Network


@dataclass(frozen=True, slots=True)
class Equal:
    role: ClassVar[Role] = Role.SHARING

    def slots(self) -> frozenset[str]:
        return frozenset()

    def cidrs(self) -> tuple[Network, ...]:
        return ()

    def classify(self, place: Place, cidr: Network | None, near: Mapping[str, int | None]) -> Key:
        return ""

    def apply(self, row: Row, key: Key, bench: Bench) -> Step:
        return Step(row=tuple((slot, 1) for slot, _ in row), reason="equal shares")

    def bound(self, reach: Reach, key: Key, sites: Mapping[str, str]) -> Reach:
        return reach

    def describe(self, key: Key) -> str:
        return ""

    def dump(self) -> str:
        return parameters.dump({})

    @classmethod
    def load(cls, text: str) -> Self:
        parameters.load(text)
        return cls()
