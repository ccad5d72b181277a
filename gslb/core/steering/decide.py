"""Facts and directives to a decision: a pure function, computed wherever one is needed. Same inputs, same bytes.

Pools first (one dead server changes one pool's vectors, however many services use it), then rows: which pools share
each class of each service. A row depends on a pool only by the levels at which that can serve, so a change that leaves
those as they are touches no row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from gslb.core.decision import Decision, Outcome, PoolKey
from gslb.core.directives import Directives
from gslb.core.facts import AgentId, Facts
from gslb.core.model import Family
from gslb.core.names import Name
from gslb.core.snapshot import Snapshot
from gslb.core.steering.chain import Availability, Column, column
from gslb.core.steering.digests import EMPTY, Mark, adjust, down_mark, pool_mark, row_mark, rows_text
from gslb.core.steering.outcomes import States, availability, is_down, resolve
from gslb.core.steering.outline import Lane, Outline, Unit, outline
from gslb.core.steering.pools import assess, overrides_of
from gslb.core.steering.verdicts import Judge, changed_endpoints

__all__ = ["changed_endpoints", "decide"]

Row = tuple[Outcome, ...]
Rows = Mapping[tuple[Name, Family], Row]
Columns = dict[tuple[int, Availability], Column]
"""Columns computed in one run, by (identity of the chain, availability): services and families share them."""

Key = TypeVar("Key")
Value = TypeVar("Value")

_NOTHING = Decision(pools={}, rows={}, down=frozenset(), digest=EMPTY)


def decide(
    snapshot: Snapshot,
    directives: Directives,
    facts: Facts,
    silent: frozenset[AgentId],
    previous: Decision | None = None,
    dirty: frozenset[str] | None = None,
) -> Decision:
    """Everything, or with `previous` and `dirty` only what depends on the endpoints in `dirty`; the results are equal.

    `previous` must then come from the same snapshot and directives, and `dirty` hold every endpoint whose verdict may
    differ since (`changed_endpoints`). Whatever did not change is the same object as in `previous`.
    """
    everything = outline(snapshot)
    before = previous if previous is not None else _NOTHING
    partial = previous is not None and dirty is not None
    touched = _pools_of(everything, dirty) if partial and dirty is not None else everything.pools.keys()

    judge, overrides = Judge(snapshot, facts, silent), overrides_of(directives)
    fresh = {key: assess(everything.pools[key], judge, overrides) for key in touched}
    pools = _overlay(before.pools, fresh, partial)

    units = _units_of(everything, before.pools, fresh) if partial else everything.units
    rows, down = _steer(units, pools, before.rows)
    if partial:
        down |= before.down.difference(*(unit.services for unit in units))
    return _conclude(before, pools, _overlay(before.rows, rows, partial), down)


def _pools_of(everything: Outline, endpoints: Iterable[str]) -> frozenset[PoolKey]:
    return frozenset(key for endpoint in endpoints for key in everything.pools_of.get(endpoint, ()))


def _units_of(everything: Outline, before: States, fresh: States) -> Iterable[Unit]:
    """Units that use a pool which can no longer serve at the same levels."""
    changed = [key for key, state in fresh.items() if state.vectors.keys() != before[key].vectors.keys()]
    numbers = {number for key in changed for number in everything.units_of[key]}
    return [everything.units[number] for number in sorted(numbers)]


def _overlay(before: Mapping[Key, Value], fresh: Mapping[Key, Value], partial: bool) -> Mapping[Key, Value]:
    """`fresh`, on top of `before` when partial; equal values stay the objects they were."""
    kept = {key: _same(before.get(key), value) for key, value in fresh.items()}
    return {**before, **kept} if partial else kept


def _same(old: Value | None, new: Value) -> Value:
    """`old` where it is equal to `new`, so that what did not change can be told by identity."""
    return old if old is not None and (old is new or old == new) else new


def _steer(units: Iterable[Unit], pools: States, before: Rows) -> tuple[Rows, frozenset[Name]]:
    """All rows of the units' services, and the services with a class for which nothing serves."""
    columns: Columns = {}
    rows: dict[tuple[Name, Family], Row] = {}
    down: set[Name] = set()
    for unit in units:
        by_lane, any_down = _steer_unit(unit, pools, columns)
        for lane, row in zip(unit.lanes, by_lane, strict=True):
            kept = _same(before.get((unit.services[0], lane.family)), row)
            rows.update(((name, lane.family), kept) for name in unit.services)
        down.update(unit.services if any_down else ())
    return rows, frozenset(down)


def _steer_unit(unit: Unit, pools: States, columns: Columns) -> tuple[list[Row], bool]:
    """One row a lane; classes to which the chain left the same are resolved once."""
    found = [_column(lane, pools, columns) for lane in unit.lanes]
    numbers = list(zip(*(column.index for column in found), strict=True))
    choices = {
        combination: tuple(column.choices[number] for column, number in zip(found, combination, strict=True))
        for combination in set(numbers)
    }
    resolved = {combination: resolve(unit, chosen, pools) for combination, chosen in choices.items()}
    by_lane = [
        tuple([resolved[combination][position] for combination in numbers]) for position in range(len(unit.lanes))
    ]
    return by_lane, any(is_down(chosen) for chosen in choices.values())


def _column(lane: Lane, pools: States, columns: Columns) -> Column:
    key = id(lane.chain), availability(lane, pools)
    if key not in columns:
        columns[key] = column(lane.chain, key[1])
    return columns[key]


def _conclude(before: Decision, pools: States, rows: Rows, down: frozenset[Name]) -> Decision:
    """The decision, with the digest moved on by what differs; `before` itself where nothing does."""
    texts: dict[int, str] = {}
    out, into = (
        _marks(before.pools, before.rows, pools, rows, texts),
        _marks(pools, rows, before.pools, before.rows, texts),
    )
    out += [down_mark(name) for name in before.down - down]
    into += [down_mark(name) for name in down - before.down]
    if not out and not into:
        return before
    return Decision(pools=pools, rows=rows, down=down, digest=adjust(before.digest, out=out, into=into))


def _marks(pools: States, rows: Rows, other_pools: States, other_rows: Rows, texts: dict[int, str]) -> list[Mark]:
    """Marks of what is in the first but not, as the same object, in the other; `texts` of rows by identity."""
    marks = [pool_mark(key, state) for key, state in pools.items() if other_pools.get(key) is not state]
    for (name, family), row in rows.items():
        if other_rows.get((name, family)) is not row:
            if id(row) not in texts:
                texts[id(row)] = rows_text(row)
            marks.append(row_mark(name, family, texts[id(row)]))
    return marks
