"""Pools that come back by and by: their clients' row is mixed from what it is with them and what it is without.

Only where the row is healthy without them too; otherwise whoever is back serves wholly. As a pool's strength rises its
share does, and what it gains the others lose.
"""

from __future__ import annotations

from collections.abc import Mapping

from gslb.core.decision import WHOLE, Level, PoolKey, PoolState
from gslb.core.steering.chain import Availability, Choice, Column
from gslb.core.steering.failback import FULL
from gslb.core.steering.outline import Lane
from gslb.core.steering.shares import scale

Ramps = tuple[tuple[str, int], ...]
"""Slots whose pools are not back wholly, with their strengths."""


def ramping(lane: Lane, states: Mapping[PoolKey, PoolState]) -> Ramps:
    return tuple((slot, states[key].strength) for slot, key in lane.pools if states[key].strength < FULL)


def without(available: Availability, ramps: Ramps) -> Availability:
    """As it would be if these pools were not healthy."""
    return available[Level.HEALTHY].difference(slot for slot, _ in ramps), *available[Level.HEALTHY + 1 :]


def mix_columns(whole: Column, rest: Column, ramps: Ramps) -> Column:
    """Class by class; classes that get the same in both get the same."""
    numbers: dict[Choice | None, int] = {}
    pairs = list(zip(whole.index, rest.index, strict=True))
    mixed = {pair: mix(whole.choices[pair[0]], rest.choices[pair[1]], ramps) for pair in set(pairs)}
    index = tuple([numbers.setdefault(mixed[pair], len(numbers)) for pair in pairs])
    return Column(tuple(numbers), index)


def mix(whole: Choice | None, rest: Choice | None, ramps: Ramps) -> Choice | None:
    """`whole`: what a class gets with the pools that ramp up, `rest`: without them."""
    if whole is None or rest is None or whole.level is not Level.HEALTHY or rest.level is not Level.HEALTHY:
        return whole
    strengths = dict(ramps)
    if strengths.keys().isdisjoint(slot for slot, _ in whole.row):
        return whole
    kept = {slot: share * strengths.get(slot, FULL) for slot, share in scale(whole.row)}
    freed = WHOLE * FULL - sum(kept.values())
    given = {slot: share * freed for slot, share in scale(rest.row)}
    slots = sorted(kept.keys() | given.keys())
    return Choice(Level.HEALTHY, tuple((slot, kept.get(slot, 0) * WHOLE + given.get(slot, 0)) for slot in slots))
