"""What a steering stage is: a pure function from a row to a row, one file a stage, one line in the registry.

A row is what one class of clients may get: slots of the policy with their weights. Stages run in order over every row.
A filter keeps some slots; the sharing stage turns what is left into weights that `decide` scales to 65,536.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from typing import ClassVar, Protocol, Self

from gslb.core.place import Place

Row = tuple[tuple[str, int], ...]
"""(slot, weight > 0) pairs sorted by slot."""

Key = str
"""What a stage distinguishes about a client, as canonical text; '' = nothing. Classes are distinct tuples of keys."""


class Role(StrEnum):
    FILTER = "filter"
    SHARING = "sharing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one stage did to one row; `reason` is a clause for people, such as `rule 2 (country US): try us`."""

    row: Row
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What a stage may know of the service at hand.

    `available`: slots whose pool serves in this pass. `sites`: slot -> site name of its pool ('' = none).
    """

    available: frozenset[str]
    sites: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Static bound on a row, whatever the health: slots that may remain, and whether only one ever does at a time."""

    slots: frozenset[str]
    single: bool


class Stage(Protocol):
    """Implementations are frozen dataclasses."""

    kind: ClassVar[str]
    role: ClassVar[Role]

    def slots(self) -> frozenset[str]:
        """Slots this stage names."""
        ...

    def cidrs(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Prefixes at which this stage cuts the class map."""
        ...

    def classify(self, place: Place, cidr: IPv4Network | IPv6Network | None, near: Mapping[str, int | None]) -> Key:
        """What this stage sees in a client at `place`.

        `cidr`: the longest of `cidrs()` that covers the client. `near`: site -> distance in whole kilometres
        (None = site or client without location), for the sites of pools that services of this policy bind.
        """
        ...

    def apply(self, row: Row, key: Key, bench: Bench) -> Step:
        """Row in, row out. `row` holds available slots only. An empty result is for the chain to handle."""
        ...

    def bound(self, reach: Reach, key: Key, sites: Mapping[str, str]) -> Reach:
        """The static bound after this stage, for the ECS scope, which must not depend on present health."""
        ...

    def describe(self, key: Key) -> str:
        """What this key means, for people: `rule 2 (country US)`; '' = nothing."""
        ...

    def dump(self) -> str:
        """Canonical JSON of the parameters."""
        ...

    @classmethod
    def load(cls, text: str) -> Self:
        """Undo `dump`. Raises InvalidSnapshot."""
        ...
