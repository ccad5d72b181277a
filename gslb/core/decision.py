"""What `decide` concludes: which pools share each class of each service, and how members share each pool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from gslb.core.directives import Override
from gslb.core.facts import State, Verdict
from gslb.core.model import Family, IPAddress
from gslb.core.names import Name

WHOLE = 65_536
Shares = tuple[tuple[str, int], ...]
"""(name, share > 0) sorted by name; shares sum to 65,536."""


class Level(IntEnum):
    """How far down the chain of passes a row had to go; the first that leaves something serves."""

    HEALTHY = 0
    """Pools that have `min_healthy`."""
    DEGRADED = 1
    """Pools with any up member."""
    STANDBY = 2
    """Standby members too."""
    RECOVERING = 3
    """Members whose hold-down is not over too."""
    ALL = 4
    """`all_down: serve_all` or `pool`: every member that no operator took out."""


class PoolKey(NamedTuple):
    """A pool as seen by one monitor in one family: its vectors are shared by all services that see it so."""

    pool: str
    monitor: str
    family: Family


class VectorKey(NamedTuple):
    """One vector of a pool: its members' shares at a level."""

    key: PoolKey
    level: Level


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberState:
    """`verdict` is the agents' (UP without a monitor), `cause` its evidence; `override` beats it."""

    member: str
    verdict: Verdict
    cause: State | None
    override: Override | None
    serving: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolState:
    """Vectors by level; a level that can serve nothing is absent. HEALTHY is present only with `min_healthy` met."""

    members: tuple[MemberState, ...]
    vectors: Mapping[Level, Shares]


@dataclass(frozen=True, slots=True)
class Pools:
    """A row: pools (by name) with their shares; members come from `PoolState.vectors[level]`."""

    level: Level
    shares: Shares


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


Outcome = Pools | Addresses | NoData | ServFail


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """`rows[(service, family)][class]`; only families that some member of the service has (or `all_down` gives).

    `down`: services for which `all_down` is in force somewhere, an alarm. Equal decisions have equal `digest`s.
    """

    pools: Mapping[PoolKey, PoolState]
    rows: Mapping[tuple[Name, Family], tuple[Outcome, ...]]
    down: frozenset[Name]
    digest: bytes
