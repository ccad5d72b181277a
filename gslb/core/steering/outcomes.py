"""From what the chain left a class in each family to what is answered: pools, NODATA, or what `all_down` says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from gslb.core.decision import WHOLE, Addresses, Level, NoData, Outcome, PoolKey, Pools, PoolState, ServFail
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


def resolve(unit: Unit, choices: Choices, states: States) -> tuple[Outcome, ...]:
    """What each lane answers: one family all down while another serves has NODATA, all of them what `all_down` says."""
    lanes = zip(unit.lanes, choices, strict=True)
    if is_down(choices):
        return tuple(_all_down(unit.all_down, lane, choice, states) for lane, choice in lanes)
    return tuple(NODATA if is_down((choice,)) else _share(lane, choice) for lane, choice in lanes)


def _share(lane: Lane, choice: Choice | None) -> Outcome:
    """Slots become pools; two slots of one pool add up."""
    if choice is None:
        return NODATA
    pools = dict(lane.pools)
    return Pools(choice.level, scale(tuple((pools[slot].pool, weight) for slot, weight in choice.row)))


def _all_down(rule: AllDown, lane: Lane, choice: Choice | None, states: States) -> Outcome:
    match rule.kind:
        case AllDownKind.SERVE_ALL:
            return _share(lane, choice)
        case AllDownKind.POOL:
            return _whole_pool(lane.last_resort, states)
        case AllDownKind.ADDRESSES:
            addresses = tuple(address for address in rule.addresses if _family(address) is lane.family)
            return Addresses(addresses) if addresses else NODATA
        case AllDownKind.NODATA:
            return NODATA
        case AllDownKind.SERVFAIL:
            return SERVFAIL
        case _:
            assert_never(rule.kind)


def _whole_pool(key: PoolKey | None, states: States) -> Outcome:
    """All of one pool at its best level."""
    level = best_level(states[key].vectors) if key is not None else None
    return Pools(level, ((key.pool, WHOLE),)) if key is not None and level is not None else NODATA


def _family(address: IPAddress) -> Family:
    return Family.A if address.version == 4 else Family.AAAA
