"""Facts and directives to a decision: a pure function, computed wherever one is needed. Same inputs, same bytes.

Pools first (one dead server changes one pool's vectors, however many services use it), then rows: which pools share
each class of each service. A row depends on a pool only by the levels at which that can serve, so a change that leaves
those as they are touches no row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from gslb.core.decision import Decision, Difference, Level, PoolKey, Rows, Served
from gslb.core.directives import Directives
from gslb.core.facts import Facts
from gslb.core.model import AllDown, Family
from gslb.core.silence import Silence
from gslb.core.snapshot import Snapshot
from gslb.core.steering.chain import Availability, Column, column
from gslb.core.steering.digests import EMPTY, Mark, adjust, pool_mark, rows_text, unit_mark
from gslb.core.steering.failback import changed_latches, latches_of
from gslb.core.steering.outcomes import States, availability, is_down, last_levels, resolve
from gslb.core.steering.outline import Chain, Outline, Unit, outline
from gslb.core.steering.pools import assess, overrides_of
from gslb.core.steering.ramps import Ramps, mix_columns, ramping, without
from gslb.core.steering.verdicts import Judge, changed_endpoints

__all__ = ["changed_endpoints", "changed_latches", "decide"]

Key = TypeVar("Key")
Value = TypeVar("Value")

_Likeness = tuple[tuple[int, ...], tuple[Family, ...], AllDown, tuple[Level | None, ...]]
"""Identities of columns, and what else units must have in common to answer the same."""

_UNSERVED = Served((), False)
_NOTHING = Decision(pools={}, rows=Rows((), {}, ()), digest=EMPTY)


class _LookedAt(NamedTuple):
    """What may differ from the decision before; everything else is as it was."""

    pools: Iterable[PoolKey]
    units: Iterable[int]


def decide(
    snapshot: Snapshot,
    directives: Directives,
    facts: Facts,
    silent: Silence,
    previous: Decision | None = None,
    dirty: frozenset[str] | None = None,
) -> Decision:
    """Everything, or with `previous` and `dirty` only what depends on the endpoints in `dirty`; the results are equal.

    `previous` must then come from the same directives but for latches, and `dirty` hold every endpoint whose verdict or
    latch may differ since (`changed_endpoints`, `changed_latches`). Whatever did not change is the same object as in
    `previous`; one that was made from another snapshot is forgotten.
    """
    everything = outline(snapshot)
    before = previous if previous is not None and previous.rows.units is everything.units else _NOTHING
    partial = before is not _NOTHING and dirty is not None
    touched = _pools_of(everything, dirty) if partial and dirty is not None else everything.pools.keys()

    judge, overrides, latches = Judge(snapshot, facts, silent), overrides_of(directives), latches_of(directives)
    fresh = {key: assess(everything.pools[key], judge, overrides, latches) for key in touched}
    pools = _overlay(before.pools, fresh, partial)

    numbers = _units_of(everything, before.pools, fresh) if partial else range(len(everything.units))
    served = _steer(everything, numbers, pools, before.rows.served)
    return _conclude(everything, before, pools, served, _LookedAt(touched, numbers))


def _pools_of(everything: Outline, endpoints: Iterable[str]) -> frozenset[PoolKey]:
    return frozenset(key for endpoint in endpoints for key in everything.pools_of.get(endpoint, ()))


def _units_of(everything: Outline, before: States, fresh: States) -> Iterable[int]:
    """Units that use a pool which can no longer serve at the same levels, or comes back by and by."""
    changed = [
        key
        for key, state in fresh.items()
        if state.vectors.keys() != before[key].vectors.keys() or state.strength != before[key].strength
    ]
    return {number for key in changed for number in everything.units_of[key]}


def _overlay(before: Mapping[Key, Value], fresh: Mapping[Key, Value], partial: bool) -> Mapping[Key, Value]:
    """`fresh`, on top of `before` when partial; equal values stay the objects they were."""
    kept = {key: _same(before.get(key), value) for key, value in fresh.items()}
    return {**before, **kept} if partial else kept


def _same(old: Value | None, new: Value) -> Value:
    """`old` where it is equal to `new`, so that what did not change can be told by identity."""
    return old if old is not None and (old is new or old == new) else new


def _steer(everything: Outline, numbers: Iterable[int], pools: States, before: Sequence[Served]) -> Sequence[Served]:
    """What every unit answers; `numbers` are those to look at again."""
    crew = _Crew(pools)
    served = list(before) or [_UNSERVED] * len(everything.units)
    for number in numbers:
        served[number] = crew.kept(served[number], crew.steer(everything.units[number]))
    return served


class _Crew:
    """Scratch space of one run: what units have in common is worked out once, and is one object."""

    def __init__(self, pools: States) -> None:
        self._pools = pools
        self._columns: dict[tuple[int, Availability, Ramps], Column] = {}
        """By identity of the chain, availability and pools that ramp up: services and families share them."""
        self._found: dict[_Likeness, Served] = {}
        self._kept: dict[tuple[int, int], Served] = {}

    def steer(self, unit: Unit) -> Served:
        columns = [
            self._column(lane.chain, availability(lane, self._pools), ramping(lane, self._pools)) for lane in unit.lanes
        ]
        last = last_levels(unit, self._pools)
        likeness = (tuple(map(id, columns)), unit.families, unit.all_down, last)
        if likeness not in self._found:
            self._found[likeness] = _served(unit, columns, last)
        return self._found[likeness]

    def kept(self, old: Served, new: Served) -> Served:
        """`new`, with the rows of `old` where these are equal; units that had and get the same compare once."""
        pair = id(old), id(new)
        if pair not in self._kept:
            rows = tuple(map(_same, old.rows or new.rows, new.rows))
            self._kept[pair] = _same(old, Served(rows, new.down))
        return self._kept[pair]

    def _column(self, chain: Chain, available: Availability, ramps: Ramps) -> Column:
        key = id(chain), available, ramps
        if key not in self._columns:
            self._columns[key] = self._mixed(chain, available, ramps) if ramps else column(chain, available)
        return self._columns[key]

    def _mixed(self, chain: Chain, available: Availability, ramps: Ramps) -> Column:
        whole, rest = self._column(chain, available, ()), self._column(chain, without(available, ramps), ())
        return mix_columns(whole, rest, ramps)


def _served(unit: Unit, columns: Sequence[Column], last: tuple[Level | None, ...]) -> Served:
    """One row a lane; classes to which the chain left the same are resolved once."""
    numbers = list(zip(*(column.index for column in columns), strict=True))
    choices = {
        combination: tuple(column.choices[number] for column, number in zip(columns, combination, strict=True))
        for combination in set(numbers)
    }
    resolved = {combination: resolve(unit, chosen, last) for combination, chosen in choices.items()}
    rows = (tuple([resolved[combination][lane] for combination in numbers]) for lane in range(len(columns)))
    return Served(tuple(rows), any(map(is_down, choices.values())))


def _conclude(
    everything: Outline, before: Decision, pools: States, served: Sequence[Served], looked_at: _LookedAt
) -> Decision:
    """The decision, with the digest moved on by what differs; `before` itself where nothing does."""
    had = before.rows.served or [_UNSERVED] * len(served)
    moved = Difference(
        digest=before.digest,
        pools=frozenset(key for key in looked_at.pools if pools[key] is not before.pools.get(key)),
        units=frozenset(number for number in looked_at.units if served[number] is not had[number]),
    )
    if not moved.pools and not moved.units:
        return before
    texts: dict[int, str] = {}
    out, into = _marks(everything, moved, before.pools, had, texts), _marks(everything, moved, pools, served, texts)
    return Decision(
        pools=pools,
        rows=Rows(everything.units, everything.unit_of, served),
        digest=adjust(before.digest, out=out, into=into),
        moved=moved if before is not _NOTHING else None,
    )


def _marks(
    everything: Outline, moved: Difference, pools: States, served: Sequence[Served], texts: dict[int, str]
) -> Iterator[Mark]:
    """Of what has moved, as it was or as it is. `texts` of rows by identity."""
    yield from (pool_mark(key, pools[key]) for key in moved.pools if key in pools)
    for number in moved.units:
        if served[number] is not _UNSERVED:
            yield _mark(everything.units[number], served[number], texts)


def _mark(unit: Unit, served: Served, texts: dict[int, str]) -> Mark:
    for row in served.rows:
        if id(row) not in texts:
            texts[id(row)] = rows_text(row)
    return unit_mark(unit, [texts[id(row)] for row in served.rows], served.down)
