"""What the native engine is told inside one process: once per snapshot, and with every decision what is new in it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, compress, count, groupby, repeat
from operator import is_not
from typing import Generic, TypeVar, assert_never

from gslb.api.v1 import engine_pb2 as pb
from gslb.codec.chunks import dump
from gslb.core.decision import (
    Addresses,
    Decision,
    LastResort,
    Level,
    NoData,
    Outcome,
    PoolKey,
    Pools,
    Row,
    ServFail,
    Shares,
)
from gslb.core.model import Family, Pool, Service
from gslb.core.snapshot import Snapshot
from gslb.core.steering.cohorts import COSTS, salt
from gslb.core.steering.outline import Chain, Lane, Outline, outline
from gslb.core.steering.scope import Shared, shared_classes

Slots = tuple[str, ...]
RowKey = tuple[Outcome, Slots]
"""An outcome in lanes that bind these slots; what names no slot is the same in all (())."""
ColumnKey = tuple[int, ...]
"""By class: a row."""

Key = TypeVar("Key", bound=Hashable)

_LEVELS = tuple(Level)
_FAMILIES = {
    Family.A: pb.ENGINE_FAMILY_A,
    Family.AAAA: pb.ENGINE_FAMILY_AAAA,
    Family.CNAME: pb.ENGINE_FAMILY_CNAME,
}


def dump_costs() -> list[int]:
    """What cohort tables are made from: -ln U of every stratum."""
    return list(COSTS)


def dump_static(snapshot: Snapshot) -> bytes:
    """An EngineStatic: what is worked out once per snapshot."""
    everything, services = outline(snapshot), snapshot.model.services
    sets: dict[Shared, int] = {}

    def number(shared: Shared) -> int:
        return sets.setdefault(shared, len(sets) + 1) if any(shared) else 0

    known: dict[tuple[int, int, bool], Sequence[int]] = {}

    def numbers(service: Service) -> Sequence[int]:
        alike = everything.unit_of[service.name], service.answers, service.by_query
        if alike not in known:
            known[alike] = [number(shared_classes(snapshot, service, family)) for family in _FAMILIES]
        return known[alike]

    message = pb.EngineStatic(
        salts=[salt(service.name, snapshot.seed) for service in services],
        units=[everything.unit_of[service.name] for service in services],
        shared=chain.from_iterable(map(numbers, services)),
        seen=_dump_seen(everything, snapshot.model.pools),
        lanes=_dump_lanes(everything),
    )
    message.shared_sets.extend(map(_bits, sets))
    return dump(message)


def _bits(shared: Shared) -> bytes:
    octets = bytearray((len(shared) + 7) // 8)
    for at, is_set in enumerate(shared):
        octets[at // 8] |= is_set << at % 8
    return bytes(octets)


def _dump_seen(everything: Outline, pools: Iterable[Pool]) -> Iterator[pb.SeenData]:
    numbers = {pool.name: number for number, pool in enumerate(pools)}
    return (pb.SeenData(pool=numbers[key.pool], family=_FAMILIES[key.family]) for key in everything.pools)


def _dump_lanes(everything: Outline) -> Iterator[pb.LaneData]:
    seen: dict[PoolKey | None, int] = {key: number for number, key in enumerate(everything.pools, 1)}
    seen[None] = 0
    for number, unit in enumerate(everything.units):
        for lane in unit.lanes:
            pools = dict(lane.pools)
            yield pb.LaneData(
                unit=number,
                family=_FAMILIES[lane.family],
                slots=[seen[pools.get(slot)] for slot in _slots(lane.chain)],
                last_resort=seen[lane.last_resort],
            )


def _slots(chain: Chain) -> Slots:
    """What slots of a lane are numbered by."""
    return tuple(chain.sites)


class DecisionDumper:
    """Decisions of one snapshot, one after the other, as EngineDecisions: the first whole, then differences.

    Rows and columns get numbers that stay theirs while anything uses them; what is equal is sent once.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._everything = outline(snapshot)
        self._seen = {key: number for number, key in enumerate(self._everything.pools)}
        self._members = {
            pool.name: {member.name: number for number, member in enumerate(pool.members)}
            for pool in snapshot.model.pools
        }
        counts = [len(unit.lanes) for unit in self._everything.units]
        self._first_lanes = list(accumulate(counts[:-1], initial=0))
        self._before: Decision | None = None
        self._column_of: list[int | None] = [None] * sum(counts)
        self._rows = _Numbers[RowKey]()
        self._columns = _Numbers[ColumnKey]()

    def dump(self, decision: Decision) -> bytes:
        """What is new since the decision before; what takes long is proportional to that."""
        message = pb.EngineDecision(whole=self._before is None)
        pools, units = self._moved(decision)
        self._tell_pools(decision, pools, message)
        for column in self._assign(decision, units, message):
            self._release(column)
        message.dropped_columns.extend(self._columns.recycle())
        message.dropped_rows.extend(self._rows.recycle())
        self._before = decision
        return dump(message)

    def _moved(self, decision: Decision) -> tuple[Iterable[PoolKey], Iterable[int]]:
        """Pools, and numbers of units, that say something else than in the decision before. Looks at nothing else if it
        is from that one that the decision was made: most of it is no longer near the processor."""
        before, moved = self._before, decision.moved
        if before is None:
            return decision.pools, range(len(decision.rows.served))
        if moved is not None and moved.digest == before.digest:
            return sorted(moved.pools, key=self._seen.__getitem__), sorted(moved.units)
        pools = map(is_not, before.pools.values(), decision.pools.values())
        units = map(is_not, before.rows.served, decision.rows.served)
        return compress(decision.pools, pools), compress(count(), units)

    def _tell_pools(self, decision: Decision, moved: Iterable[PoolKey], message: pb.EngineDecision) -> None:
        """Levels at which other members serve than before, or with other shares."""
        before = self._before.pools if self._before is not None else {}
        for key in moved:
            members = self._members[key.pool]
            old = before[key].vectors if before else {}
            for shares, levels in _changed(old, decision.pools[key].vectors).items():
                message.vectors.add(
                    seen=self._seen[key],
                    levels=levels,
                    members=[members[name] for name, _ in shares],
                    shares=[share for _, share in shares],
                )

    def _assign(self, decision: Decision, moved: Iterable[int], message: pb.EngineDecision) -> list[int]:
        """Give lanes their columns; returns the columns that they had before, one a use."""
        known: dict[tuple[int, int], int] = {}
        new: dict[int, list[int]] = {}
        left: list[int] = []
        for number, lane, was, row in self._moved_lanes(decision, moved):
            key = id(row), id(lane.chain)
            column, held = known.get(key), self._column_of[number]
            if column is None:
                numbers = self._numbers(row, was, held, _slots(lane.chain), message)
                column = known[key] = self._column(numbers, message)
            self._columns.use(column)
            self._column_of[number] = column
            left.extend(() if held is None else (held,))
            new.setdefault(column, []).append(number)
        for column, lanes in new.items():
            message.assignments.add(column=column, lanes=lanes)
        return left

    def _moved_lanes(self, decision: Decision, moved: Iterable[int]) -> Iterator[tuple[int, Lane, Row | None, Row]]:
        """Lanes of these units, by number, whose rows are other objects than before; with both."""
        before = self._before.rows.served if self._before is not None else ()
        for number in moved:
            unit, first, new = self._everything.units[number], self._first_lanes[number], decision.rows.served[number]
            rows = zip(unit.lanes, before[number].rows if before else repeat(None), new.rows, strict=False)
            for lane_number, (lane, was, row) in enumerate(rows, first):
                if was is not row:
                    yield lane_number, lane, was, row

    def _numbers(
        self, row: Row, was: Row | None, held: int | None, slots: Slots, message: pb.EngineDecision
    ) -> ColumnKey:
        """By class, the number of the outcome's row. What is equal to what `was` there keeps the number that the column
        `held` has there: to hash an outcome takes much longer than to compare it with one of the same shares."""
        before: Sequence[Outcome | None] = was or [None] * len(row)
        numbers = list(self._columns.key(held)) if held is not None else [0] * len(row)
        known: dict[int, int] = {}
        for cls in compress(count(), map(is_not, row, before)):
            outcome = row[cls]
            if id(outcome) not in known:
                known[id(outcome)] = numbers[cls] if outcome == before[cls] else self._row(outcome, slots, message)
            numbers[cls] = known[id(outcome)]
        return tuple(numbers)

    def _column(self, numbers: ColumnKey, message: pb.EngineDecision) -> int:
        """The number of the column of these rows, sent if it is new."""
        column = self._columns.get(numbers)
        if column is None:
            column = self._columns.add(numbers)
            runs = [(row, len(list(run))) for row, run in groupby(numbers)]
            message.columns.add(id=column, rows=[row for row, _ in runs], lengths=[length for _, length in runs])
            for used in set(numbers):
                self._rows.use(used)
        return column

    def _row(self, outcome: Outcome, slots: Slots, message: pb.EngineDecision) -> int:
        """The number of an outcome's row, sent if it is new."""
        key = outcome, slots if isinstance(outcome, Pools) else ()
        number = self._rows.get(key)
        if number is None:
            number = self._rows.add(key)
            message.rows.append(_dump_row(number, outcome, slots))
        return number

    def _release(self, column: int) -> None:
        """One use less; what is not used any more is let go, down to its rows."""
        for row in set(self._columns.release(column) or ()):
            self._rows.release(row)


def _changed(old: Mapping[Level, Shares], new: Mapping[Level, Shares]) -> Mapping[Shares, int]:
    """Shares, and at which levels (bits) they are others than before."""
    changed: dict[Shares, int] = {}
    for level in _LEVELS:
        shares = new.get(level, ())
        if shares != old.get(level, ()):
            changed[shares] = changed.get(shares, 0) | 1 << level
    return changed


def _dump_row(number: int, outcome: Outcome, slots: Slots) -> pb.RowData:
    match outcome:
        case Pools(level, shares):
            return pb.RowData(
                id=number,
                kind=pb.ROW_KIND_POOLS,
                level=level,
                slots=[slots.index(slot) for slot, _ in shares],
                names=[slot for slot, _ in shares],
                shares=[share for _, share in shares],
            )
        case LastResort(level):
            return pb.RowData(id=number, kind=pb.ROW_KIND_LAST_RESORT, level=level)
        case Addresses(addresses):
            packed = [address.packed for address in addresses]
            return pb.RowData(id=number, kind=pb.ROW_KIND_ADDRESSES, addresses=packed)
        case NoData():
            return pb.RowData(id=number, kind=pb.ROW_KIND_NODATA)
        case ServFail():
            return pb.RowData(id=number, kind=pb.ROW_KIND_SERVFAIL)
        case _:
            assert_never(outcome)


@dataclass(slots=True)
class _Numbered(Generic[Key]):
    key: Key
    uses: int = 0


class _Numbers(Generic[Key]):
    """Small numbers for keys in use. A number is given again only after `recycle` has told that it was dropped."""

    def __init__(self) -> None:
        self._numbers: dict[Key, int] = {}
        self._held: list[_Numbered[Key]] = []
        self._free: list[int] = []
        self._dropped: list[int] = []

    def get(self, key: Key) -> int | None:
        return self._numbers.get(key)

    def add(self, key: Key) -> int:
        """A number for a key that has none; nothing uses it yet."""
        if self._free:
            number = self._free.pop()
            self._held[number] = _Numbered(key)
        else:
            number = len(self._held)
            self._held.append(_Numbered(key))
        self._numbers[key] = number
        return number

    def key(self, number: int) -> Key:
        return self._held[number].key

    def use(self, number: int) -> None:
        self._held[number].uses += 1

    def release(self, number: int) -> Key | None:
        """The key, if that was its last use: then it is gone."""
        held = self._held[number]
        held.uses -= 1
        if held.uses:
            return None
        del self._numbers[held.key]
        self._dropped.append(number)
        return held.key

    def recycle(self) -> Sequence[int]:
        """Numbers dropped since the last call; they may be given again from now on."""
        dropped, self._dropped = self._dropped, []
        self._free.extend(dropped)
        return dropped
