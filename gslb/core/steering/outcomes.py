"""From what the chain left a class in each family to what is answered: pools, NODATA, or what `all_down` says."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import assert_never

from gslb.core.decision import Addresses, LastResort, Level, NoData, Outcome, PoolKey, Pools, PoolState, ServFail
from gslb.core.model import AllDown, AllDownKind, Family, IPAddress
from gslb.core.steering.chain import Availability, Choice
from gslb.core.steering.outline import Lane, Unit
from gslb.core.steering.pools import best_level
from gslb.core.steering.shares import scale

Choices = tuple[Choice | None, ...]
"""What the chain left one class, lane by lane."""

States = Mapping[PoolKey, PoolState]

NODATA, SERVFAIL = NoData(), ServFail()


def availability(lane: Lane, states: States) -> Availability:
    """By level: slots whose pool can serve there."""
    vectors = [(slot, states[key].vectors) for slot, key in lane.pools]
    return tuple(frozenset(slot for slot, found in vectors if level in found) for level in Level)


def is_down(choices: Choices) -> bool:
    """Whether nothing eligible serves in any family."""
    return all(choice is None or choice.level is Level.ALL for choice in choices)


def last_levels(unit: Unit, states: States) -> tuple[Level | None, ...]:
    """Lane by lane, where the pool of `all_down: pool` can serve."""
    return tuple(_best(lane.last_resort, states) for lane in unit.lanes)


def resolve(unit: Unit, choices: Choices, last: tuple[Level | None, ...]) -> tuple[Outcome, ...]:
    """What each lane answers: one family all down while another serves has NODATA, all of them what `all_down` says.

    `last`: `last_levels`. Units of equal `all_down` and families answer the same.
    """
    if not is_down(choices):
        return tuple(NODATA if is_down((choice,)) else _share(choice) for choice in choices)
    lanes = zip(unit.families, choices, last, strict=True)
    return tuple(_all_down(unit.all_down, family, choice, level) for family, choice, level in lanes)


@lru_cache(maxsize=4096)
def _share(choice: Choice | None) -> Outcome:
    """Mostly one object for equal choices of one decision and the next, which need not be compared then."""
    return Pools(choice.level, scale(choice.row)) if choice is not None else NODATA


def _all_down(rule: AllDown, family: Family, choice: Choice | None, last: Level | None) -> Outcome:
    match rule.kind:
        case AllDownKind.SERVE_ALL:
            return _share(choice)
        case AllDownKind.POOL:
            return LastResort(last, rule.pool) if last is not None and rule.pool is not None else NODATA
        case AllDownKind.ADDRESSES:
            addresses = tuple(address for address in rule.addresses if _family(address) is family)
            return Addresses(addresses) if addresses else NODATA
        case AllDownKind.NODATA:
            return NODATA
        case AllDownKind.SERVFAIL:
            return SERVFAIL
        case _:
            assert_never(rule.kind)


def _best(key: PoolKey | None, states: States) -> Level | None:
    return best_level(states[key].vectors) if key is not None else None


def _family(address: IPAddress) -> Family:
    return Family.A if address.version == 4 else Family.AAAA
