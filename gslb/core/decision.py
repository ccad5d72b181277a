"""What `decide` concludes: which pools share each class of each service, and how members share each pool."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple, Protocol

from gslb.core.directives import Latch, Override
from gslb.core.facts import State, Verdict
from gslb.core.model import Family, IPAddress
from gslb.core.names import Name

WHOLE = 65_536
Shares = tuple[tuple[str, int], ...]
"""(name, share > 0) sorted by name; shares sum to 65,536."""
Bindings = tuple[tuple[str, str], ...]
"""A service's (slot, pool) pairs."""


class Level(IntEnum):
    """How far down the chain of passes a row had to go; the first that leaves something serves."""

    HEALTHY = 0
    """Pools that have `min_healthy`."""
    DEGRADED = 1
    """Pools with any up member."""
    STANDBY = 2
    """Standby members too."""
    RECOVERING = 3
    """Members whose hold-down is not over too, or that wait for failback."""
    ALL = 4
    """`all_down: serve_all` or `pool`: every member that no operator took out."""


class PoolKey(NamedTuple):
    """A pool as seen by one monitor in one family: its vectors are shared by all services that see it so."""

    pool: str
    monitor: str
    family: Family


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberState:
    """`verdict` is the agents' (UP without a monitor), `cause` its evidence; `override` beats it.

    `latch`: it was down and has not wholly come back.
    """

    member: str
    verdict: Verdict
    cause: State | None
    override: Override | None
    latch: Latch | None
    serving: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolState:
    """Vectors by level; a level that can serve nothing is absent. HEALTHY is present only with `min_healthy` met.

    `strength`: how far a pool is back that was not healthy, as for members (`gslb.core.steering.failback`).
    """

    members: tuple[MemberState, ...]
    vectors: Mapping[Level, Shares]
    strength: int


@dataclass(frozen=True, slots=True)
class Pools:
    """A row: slots of the policy with their shares, so that it is the same for all services of the policy.

    Each service binds the slots to pools of its own; members come from `PoolState.vectors[level]` of the pool.
    """

    level: Level
    shares: Shares


@dataclass(frozen=True, slots=True)
class LastResort:
    """`all_down: pool`: all clients go to this pool, at this level."""

    level: Level
    pool: str


@dataclass(frozen=True, slots=True)
class Addresses:
    """`all_down: addresses`: these, whatever the client (of the family at hand)."""

    addresses: tuple[IPAddress, ...]


@dataclass(frozen=True, slots=True)
class NoData:
    """The family has nothing to answer with."""


@dataclass(frozen=True, slots=True)
class ServFail:
    """`all_down: servfail`."""


Outcome = Pools | LastResort | Addresses | NoData | ServFail
Row = tuple[Outcome, ...]
"""By class."""


def shares_of(outcome: Outcome, bindings: Bindings) -> Shares:
    """By pool, for a service with these bindings; slots that are bound to one pool add up. () = no pool answers."""
    if isinstance(outcome, LastResort):
        return ((outcome.pool, WHOLE),)
    if not isinstance(outcome, Pools):
        return ()
    pools = dict(bindings)
    shares: dict[str, int] = {}
    for slot, share in outcome.shares:
        shares[pools[slot]] = shares.get(pools[slot], 0) + share
    return tuple(sorted(shares.items()))


@dataclass(frozen=True, slots=True)
class Served:
    """What services that are steered alike answer: one row a family, in the order of their families.

    `down`: `all_down` is in force somewhere.
    """

    rows: tuple[Row, ...]
    down: bool


class Alike(Protocol):
    """Services that are steered alike."""

    @property
    def services(self) -> tuple[Name, ...]: ...

    @property
    def families(self) -> tuple[Family, ...]: ...


class Rows(Mapping[tuple[Name, Family], Row]):
    """The row of every service and family, kept once for services that are steered alike.

    `units`: such services. `unit_of`: a service's among them. `served`: by unit.
    """

    __slots__ = ("_unit_of", "served", "units")

    def __init__(self, units: Sequence[Alike], unit_of: Mapping[Name, int], served: Sequence[Served]) -> None:
        self.units = units
        self._unit_of = unit_of
        self.served = served

    def __getitem__(self, key: tuple[Name, Family]) -> Row:
        name, family = key
        number = self._unit_of[name]
        for known, row in zip(self.units[number].families, self.served[number].rows, strict=True):
            if known is family:
                return row
        raise KeyError(key)

    def __iter__(self) -> Iterator[tuple[Name, Family]]:
        return ((name, family) for unit in self.units for family in unit.families for name in unit.services)

    def __len__(self) -> int:
        return sum(len(unit.services) * len(unit.families) for unit in self.units)

    def down(self) -> frozenset[Name]:
        """Services for which `all_down` is in force somewhere."""
        pairs = zip(self.units, self.served, strict=True)
        return frozenset(name for unit, served in pairs if served.down for name in unit.services)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Where a decision says something else than an earlier one.

    `digest`: the earlier one's. `units`: numbers in `Rows.units`.
    """

    digest: bytes
    pools: frozenset[PoolKey]
    units: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """`rows[(service, family)][class]`; only families that some member of the service has (or `all_down` gives).

    Decisions of one snapshot that are equal have equal `digest`s. `moved`: from the decision that it was made on top
    of, so that who follows decisions need not search for what is new; None where there was none.
    """

    pools: Mapping[PoolKey, PoolState]
    rows: Rows
    digest: bytes
    moved: Difference | None = field(default=None, compare=False, repr=False)

    @property
    def down(self) -> frozenset[Name]:
        """Services for which `all_down` is in force somewhere, an alarm."""
        return self.rows.down()
