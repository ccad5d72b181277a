"""What comes from outside does not decide how much memory the native engine takes."""

from __future__ import annotations

import pytest
from support.dnsworld import view
from support.nativeworld import SEED, Native, chunks_of

from dns_server import _native
from gslb.api.v1 import engine_pb2 as pb
from gslb.api.v1 import snapshot_pb2
from gslb.codec.chunks import dump
from gslb.codec.engine import DecisionDumper, dump_costs, dump_static

SERVFAIL = pb.ROW_KIND_SERVFAIL
MILLION = 1_000_000


def load(message: pb.EngineDecision, before: pb.EngineDecision | None = None) -> None:
    statics, tables = Native(view()).statics, _native.Tables(dump_costs())
    held = _native.Decision(dump(before), statics, None, tables) if before is not None else None
    _native.Decision(dump(message), statics, held, tables)


def rows(*ids: int) -> list[pb.RowData]:
    return [pb.RowData(id=number, kind=SERVFAIL) for number in ids]


def test_numbers_of_a_decision_leave_none_out() -> None:
    first = pb.EngineDecision(whole=True, rows=rows(1, 2, 0))
    load(first)
    load(pb.EngineDecision(rows=rows(3, 1)), first)
    for message, before in (
        (pb.EngineDecision(whole=True, rows=rows(0, 2)), None),
        (pb.EngineDecision(whole=True, rows=rows(1 << 31)), None),
        (pb.EngineDecision(rows=rows(4)), first),
        (pb.EngineDecision(whole=True, columns=[pb.ColumnData(id=7)]), None),
    ):
        with pytest.raises(ValueError, match="leaves numbers out"):
            load(message, before)


def test_columns_hold_no_more_classes_than_there_is_room_for() -> None:
    def columns(*lengths: int) -> pb.EngineDecision:
        made = [pb.ColumnData(id=number, rows=[0], lengths=[length]) for number, length in enumerate(lengths)]
        return pb.EngineDecision(whole=True, columns=made)

    load(columns(MILLION, MILLION))
    for message in (columns(1 << 31), columns(MILLION, 1 << 26), columns((1 << 26) + 1)):
        with pytest.raises(ValueError, match="too many classes"):
            load(message)
    with pytest.raises(ValueError, match="too many classes"):  # what is held already counts
        load(pb.EngineDecision(columns=[pb.ColumnData(id=1, rows=[0], lengths=[1 << 26])]), columns(1))
    with pytest.raises(ValueError, match="not one length a row"):
        load(pb.EngineDecision(whole=True, columns=[pb.ColumnData(rows=[0, 0], lengths=[1])]))


def test_no_more_members_share_a_pool_than_two_octets_can_number() -> None:
    seen = next(at for at, key in enumerate(view().decision.pools) if key.pool == "us")

    def vector(count: int) -> pb.VectorData:
        return pb.VectorData(seen=seen, levels=1, members=[0] * count, shares=[1] * count)

    load(pb.EngineDecision(whole=True, vectors=[vector(2_000)]))
    row = pb.RowData(kind=pb.ROW_KIND_POOLS, slots=[0] * 65_537, names=["a"] * 65_537, shares=[1] * 65_537)
    for message in (
        pb.EngineDecision(whole=True, vectors=[vector(65_537)]),
        pb.EngineDecision(whole=True, vectors=[vector(1)], rows=[row]),
    ):
        with pytest.raises(ValueError, match="too many"):
            load(message)


def test_a_snapshot_of_too_large_numbers_is_refused() -> None:
    extra = dump_static(view().index.snapshot)
    whole = snapshot_pb2.Chunk.FromString(b"".join(chunks_of(view())))

    def refuse(chunk: snapshot_pb2.Chunk, why: str) -> None:
        with pytest.raises(ValueError, match=why):
            _native.Static([dump(chunk)], extra, SEED)

    changed = snapshot_pb2.Chunk.FromString(dump(whole))
    changed.services[0].answers = 65
    refuse(changed, "more members than fit into a message")
    changed = snapshot_pb2.Chunk.FromString(dump(whole))
    changed.pools[0].members.extend([changed.pools[0].members[0]] * 65_537)
    refuse(changed, "larger than the engine can hold")
    changed = snapshot_pb2.Chunk.FromString(dump(whole))
    changed.ranges[0].classes.append(1)
    refuse(changed, "not one class a start")
    for octets in (1, 127, 1233, (1 << 32) - 1):
        changed = snapshot_pb2.Chunk.FromString(dump(whole))
        changed.dns.max_nocookie_response = octets
        refuse(changed, "size of answers without a cookie is out of range")
    for octets in (128, 1232):
        changed.dns.max_nocookie_response = octets
        _native.Static([dump(changed)], extra, SEED)


def test_every_decision_of_ours_numbers_without_gaps() -> None:
    """What the dumper sends is what is taken."""
    message = pb.EngineDecision.FromString(DecisionDumper(view().index.snapshot).dump(view().decision))
    for parts in (message.rows, message.columns):
        assert sorted(part.id for part in parts) == list(range(len(parts)))
