"""What was derived from a snapshot lives as long as the snapshot, and no longer."""

from __future__ import annotations

import gc
from weakref import ref

from support.nothing import NOTHING

from gslb.core.compile import compile_snapshot
from gslb.core.order import Order
from gslb.core.snapshot import Snapshot
from gslb.core.steering.memo import by_identity
from gslb.core.steering.outline import outline


def snapshot(revision: int) -> Snapshot:
    return compile_snapshot(NOTHING, {}, order=Order(1, revision, 0), serials={}, earlier=(), seed=1)


def test_it_is_computed_once_for_each_object() -> None:
    calls: list[Order] = []

    @by_identity
    def derive(value: Snapshot) -> Order:
        calls.append(value.order)
        return value.order

    one, other = snapshot(1), snapshot(2)
    assert [derive(one), derive(other), derive(one)] == [one.order, other.order, one.order]
    assert calls == [one.order, other.order]


def test_nothing_keeps_a_snapshot_alive_that_nobody_holds() -> None:
    gone = snapshot(1)
    watch = ref(gone)
    assert outline(gone) is outline(gone)
    del gone
    gc.collect()
    assert watch() is None
