"""What the native engine is told inside one process: once per snapshot, and with every decision what is new in it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence, Set
from itertools import groupby
from operator import eq
from typing import Generic, TypeVar

from gslb.api.v1 import engine_pb2 as pb
from gslb.codec.chunks import dump
from gslb.core.answering.view import Index
from gslb.core.decision import Addresses, Decision, NoData, Outcome, PoolKey, Pools, ServFail, Shares, VectorKey
from gslb.core.model import Family, Service
from gslb.core.names import Name
from gslb.core.steering.cohorts import COSTS, salt
from gslb.core.steering.outline import pool_key
from gslb.core.steering.scope import Shared, shared_classes

Row = tuple[Outcome, ...]
RowKey = tuple[Outcome, str | None, Family | None]
"""An outcome as services of one monitor see it; what names no pools is seen alike by all."""
ColumnKey = tuple[tuple[int, int], ...]
"""Runs of classes: (row, length)."""

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

_FAMILIES = {
    Family.A: pb.ENGINE_FAMILY_A,
    Family.AAAA: pb.ENGINE_FAMILY_AAAA,
    Family.CNAME: pb.ENGINE_FAMILY_CNAME,
}


def dump_costs() -> list[int]:
    """What cohort tables are made from: -ln U of every stratum."""
    return list(COSTS)


def dump_static(index: Index) -> bytes:
    """An EngineStatic: what is worked out once per snapshot."""
    snapshot = index.snapshot
    sets: dict[Shared, int] = {}

    def number(service: Service, family: Family) -> int:
        shared = shared_classes(snapshot, service, family)
        return sets.setdefault(shared, len(sets) + 1) if any(shared) else 0

    services = [
        pb.ServiceExtra(
            salt=salt(service.name, snapshot.seed),
            shared_a=number(service, Family.A),
            shared_aaaa=number(service, Family.AAAA),
            shared_cname=number(service, Family.CNAME),
        )
        for service in snapshot.model.services
    ]
    return dump(pb.EngineStatic(shared_sets=[_bits(shared) for shared in sets], services=services))


def _bits(shared: Shared) -> bytes:
    octets = bytearray((len(shared) + 7) // 8)
    for at, is_set in enumerate(shared):
        octets[at // 8] |= is_set << at % 8
    return bytes(octets)


class DecisionDumper:
    """Decisions of one snapshot, one after the other, as EngineDecisions: the first whole, then differences.

    Vectors, rows and columns get numbers that stay theirs while anything uses them; what is equal is sent once.
    """

    def __init__(self, index: Index) -> None:
        model = index.snapshot.model
        self._services = {service.name: (number, service) for number, service in enumerate(model.services)}
        self._pools = {pool.name: (number, pool) for number, pool in enumerate(model.pools)}
        self._members = {pool.name: {m.name: number for number, m in enumerate(pool.members)} for pool in model.pools}
        self._before: Decision | None = None
        self._columns_of: dict[tuple[Name, Family], ColumnKey] = {}
        self._vectors = _Numbers[VectorKey]()
        self._rows = _Numbers[RowKey]()
        self._columns = _Numbers[ColumnKey]()

    def dump(self, decision: Decision) -> bytes:
        """What is new since the decision before."""
        message = pb.EngineDecision(whole=self._before is None)
        self._refresh(decision, message)
        left = self._assign(decision, message)
        for column in left:
            self._release(column)
        message.dropped_columns.extend(self._columns.recycle())
        message.dropped_rows.extend(self._rows.recycle())
        message.dropped_vectors.extend(self._vectors.recycle())
        self._before = decision
        return dump(message)

    def _refresh(self, decision: Decision, message: pb.EngineDecision) -> None:
        """Vectors in use that have changed."""
        if self._before is None:
            return
        before = self._before.pools
        for key, state in _renewed(before, decision.pools):
            known = before.get(key)
            for level, shares in state.vectors.items():
                vector = VectorKey(key, level)
                number = self._vectors.get(vector)
                if number is not None and (known is None or known.vectors.get(level) != shares):
                    message.vectors.append(self._vector(number, key, shares))

    def _assign(self, decision: Decision, message: pb.EngineDecision) -> list[ColumnKey]:
        """Give services their columns; returns the columns that they had before."""
        before: Mapping[tuple[Name, Family], Row] = self._before.rows if self._before is not None else {}
        known: dict[tuple[int, str | None, Family], ColumnKey] = {}
        new: dict[tuple[int, Family], list[int]] = {}
        left: list[ColumnKey] = []
        for (name, family), row in _renewed(before, decision.rows):
            number, service = self._services[name]
            key = id(row), service.monitor, family
            column = known.get(key)
            if column is None:
                column = known[key] = self._column(decision, service, family, row, message)
            self._columns.use(column)
            left.extend(self._hold(name, family, column))
            new.setdefault((self._columns[column] + 1, family), []).append(number)
        for name, family in _gone(before, decision.rows):
            left.append(self._columns_of.pop((name, family)))
            new.setdefault((0, family), []).append(self._services[name][0])
        message.assignments.extend(
            pb.AssignmentData(column=column, family=_FAMILIES[family], services=services)
            for (column, family), services in new.items()
        )
        return left

    def _hold(self, name: Name, family: Family, column: ColumnKey) -> Sequence[ColumnKey]:
        """Note a service's column; returns the one it had, if any."""
        held = self._columns_of.get((name, family))
        self._columns_of[name, family] = column
        return () if held is None else (held,)

    def _column(
        self, decision: Decision, service: Service, family: Family, row: Row, message: pb.EngineDecision
    ) -> ColumnKey:
        """The column of these outcomes, sent if it is new."""
        runs: list[tuple[int, int]] = []
        numbers: dict[Outcome, int] = {}
        for outcome, run in groupby(row):
            number = numbers.get(outcome)
            if number is None:
                number = numbers[outcome] = self._row(decision, service, family, outcome, message)
            runs.append((number, sum(1 for _ in run)))
        column = tuple(runs)
        if self._columns.get(column) is None:
            number = self._columns.add(column)
            lengths = [length for _, length in column]
            message.columns.append(pb.ColumnData(id=number, rows=[row for row, _ in column], lengths=lengths))
            for row_number in dict(column):
                self._rows.use(self._rows.key(row_number))
        return column

    def _row(
        self, decision: Decision, service: Service, family: Family, outcome: Outcome, message: pb.EngineDecision
    ) -> int:
        """The number of an outcome's row, sent if it is new."""
        key: RowKey = (outcome, service.monitor, family) if isinstance(outcome, Pools) else (outcome, None, None)
        number = self._rows.get(key)
        if number is not None:
            return number
        number = self._rows.add(key)
        match outcome:
            case Pools(level, shares):
                vectors = [VectorKey(self._key(pool, service.monitor, family), level) for pool, _ in shares]
                ids = [self._used_vector(decision, vector, message) for vector in vectors]
                weights = [share for _, share in shares]
                row = pb.RowData(id=number, kind=pb.ROW_KIND_POOLS, vectors=ids, shares=weights)
            case Addresses(addresses):
                packed = [address.packed for address in addresses]
                row = pb.RowData(id=number, kind=pb.ROW_KIND_ADDRESSES, addresses=packed)
            case NoData():
                row = pb.RowData(id=number, kind=pb.ROW_KIND_NODATA)
            case ServFail():
                row = pb.RowData(id=number, kind=pb.ROW_KIND_SERVFAIL)
        message.rows.append(row)
        return number

    def _used_vector(self, decision: Decision, vector: VectorKey, message: pb.EngineDecision) -> int:
        """The number of a vector that one more row uses, sent if it is new."""
        number = self._vectors.get(vector)
        if number is None:
            number = self._vectors.add(vector)
            shares = decision.pools[vector.key].vectors[vector.level]
            message.vectors.append(self._vector(number, vector.key, shares))
        self._vectors.use(vector)
        return number

    def _key(self, pool: str, monitor: str | None, family: Family) -> PoolKey:
        return pool_key(self._pools[pool][1], monitor, family)

    def _vector(self, number: int, key: PoolKey, shares: Shares) -> pb.VectorData:
        members = self._members[key.pool]
        return pb.VectorData(
            id=number,
            pool=self._pools[key.pool][0],
            family=_FAMILIES[key.family],
            members=[members[name] for name, _ in shares],
            shares=[share for _, share in shares],
        )

    def _release(self, column: ColumnKey) -> None:
        """One user less; what nobody uses any more is let go, down to its vectors."""
        if not self._columns.release(column):
            return
        for number in dict(column):
            row = self._rows.key(number)
            if not self._rows.release(row):
                continue
            outcome, monitor, family = row
            if isinstance(outcome, Pools) and family is not None:
                for pool, _ in outcome.shares:
                    self._vectors.release(VectorKey(self._key(pool, monitor, family), outcome.level))


def _renewed(before: Mapping[Key, Value], now: Mapping[Key, Value]) -> list[tuple[Key, Value]]:
    """What is new, or another object than before."""
    if _alike(before, now):
        pairs = zip(now.items(), before.values(), strict=True)
        return [item for item, held in pairs if item[1] is not held]
    return [(key, value) for key, value in now.items() if before.get(key) is not value]


def _gone(before: Mapping[Key, Value], now: Mapping[Key, Value]) -> Set[Key]:
    """Keys that are no more."""
    return frozenset() if _alike(before, now) else before.keys() - now.keys()


def _alike(before: Mapping[Key, Value], now: Mapping[Key, Value]) -> bool:
    """Whether the keys are the same in the same order, as they mostly are: then there is no need to hash them all."""
    return len(before) == len(now) and all(map(eq, before, now))


class _Numbers(Generic[Key]):
    """Small numbers for keys in use. A number is given again only after `recycle` has told that it was dropped."""

    def __init__(self) -> None:
        self._numbers: dict[Key, int] = {}
        self._keys: list[Key] = []
        self._uses: list[int] = []
        self._free: list[int] = []
        self._dropped: list[int] = []

    def get(self, key: Key) -> int | None:
        return self._numbers.get(key)

    def __getitem__(self, key: Key) -> int:
        return self._numbers[key]

    def key(self, number: int) -> Key:
        return self._keys[number]

    def add(self, key: Key) -> int:
        """A number for a key that has none; nothing uses it yet."""
        if self._free:
            number = self._free.pop()
            self._keys[number], self._uses[number] = key, 0
        else:
            number = len(self._keys)
            self._keys.append(key)
            self._uses.append(0)
        self._numbers[key] = number
        return number

    def use(self, key: Key) -> None:
        self._uses[self._numbers[key]] += 1

    def release(self, key: Key) -> bool:
        """Whether that was the last use, so that the key is gone."""
        number = self._numbers[key]
        self._uses[number] -= 1
        if self._uses[number]:
            return False
        del self._numbers[key]
        self._dropped.append(number)
        return True

    def recycle(self) -> Iterable[int]:
        """Numbers dropped since the last call; they may be given again from now on."""
        dropped, self._dropped = self._dropped, []
        self._free.extend(dropped)
        return dropped
