"""From a service and a client to the records that client gets: class -> row -> cohort -> pool -> members -> RDATA.

Everything here is a look-up in what `decide` and the snapshot laid ready.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from gslb.core.answering.choice import Choice
from gslb.core.answering.records import TYPE_FAMILIES
from gslb.core.answering.source import Source, locate
from gslb.core.answering.view import Steered, View
from gslb.core.decision import Addresses, LastResort, Level, NoData, Pools, ServFail
from gslb.core.model import Family, Service
from gslb.core.steering.cohorts import Draw, draw, winners
from gslb.core.steering.outline import pool_key


@dataclass(frozen=True, slots=True)
class Picked:
    """Steered RDATA, first choice first, none = NODATA; `scope` is the ECS scope prefix-length."""

    choice: Choice
    rdatas: tuple[bytes, ...]
    scope: int


@dataclass(frozen=True, slots=True)
class Failed:
    """`all_down: servfail` is in force."""

    choice: Choice


def family_of(view: View, steered: Steered, rrtype: int) -> Family | None:
    """The family in which a query of this type is answered at a service; None = plain records or NODATA.

    A service of host members is a CNAME, so it answers every type.
    """
    if (steered.service.name, Family.CNAME) in view.decision.rows:
        return Family.CNAME
    family = TYPE_FAMILIES.get(rrtype)
    return family if family is not None and (steered.service.name, family) in view.decision.rows else None


def pick(view: View, steered: Steered, family: Family, source: Source, entropy: int) -> Picked | Failed:
    """`entropy`: a counter or random number, for services that draw per answer."""
    cls, scope = locate(source, steered.classes, steered.shared[family])
    outcome = view.decision.rows[steered.service.name, family][cls]
    pool = None
    match outcome:
        case Pools() | LastResort():
            prefix = entropy if steered.service.by_query else source.prefix
            cohort = draw(prefix, source.version, steered.salt)
            pool = _pool(steered.service, outcome, cohort)
            rdatas = _members(view, steered, family, pool, outcome.level, cohort)
        case Addresses(addresses):
            rdatas = tuple(address.packed for address in addresses)
        case NoData():
            rdatas = ()
        case ServFail():
            return Failed(Choice(steered.service.name, cls, None))
        case _:
            assert_never(outcome)
    return Picked(Choice(steered.service.name, cls, pool), rdatas, scope)


def _members(view: View, steered: Steered, family: Family, pool: str, level: Level, cohort: Draw) -> tuple[bytes, ...]:
    """Distinct members of the pool that the cohort falls to; with `answers: all` every serving one, its own first."""
    key = pool_key(steered.pools[pool], steered.service.monitor, family)
    names = winners(view.decision.pools[key].vectors[level], cohort.member, steered.service.answers)
    members = view.index.members[pool]
    return tuple(dict.fromkeys(members[name][family] for name in names))


def _pool(service: Service, row: Pools | LastResort, cohort: Draw) -> str:
    """Cohorts fall to slots, so that services of one policy share its tables."""
    if isinstance(row, LastResort):
        return row.pool
    return dict(service.bindings)[winners(row.shares, cohort.pool)[0]]
