"""Records of configurations in the store, SOA serials, and which contents are kept where."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from gslb.coordinator.configuration.compiling import Change, next_serials
from gslb.coordinator.configuration.history import (
    KEEP_RECORDS,
    MAX_TEXT_BYTES,
    File,
    History,
    Record,
    StoredFile,
    dump_record,
    load_record,
    store_files,
)
from gslb.core.compile import compile_snapshot
from gslb.core.errors import Conflict, StoreUnavailable
from gslb.core.model import EcsTrust, GeoSources, Model, RRset, Soa, Zone
from gslb.core.names import Name
from gslb.core.order import Order
from gslb.core.snapshot import Snapshot
from gslb.store.base import ABSENT
from gslb.store.embedded import EmbeddedStore

A, B, C = (Name.from_text(text) for text in ("a.test.", "b.test.", "c.test."))
NOW = 1_800_000_000


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    opened = await EmbeddedStore.open(tmp_path / "s.db", new_incarnation=1)
    yield opened
    await opened.close()


def record(revision: int, **changed: object) -> Record:
    files = (StoredFile(path="gslb.yaml", sha256=bytes(32), size_bytes=4, text="text"),)
    made = Record(
        revision=revision,
        author="ann",
        message="",
        applied_unix_s=NOW,
        program="1",
        seed=2**64 - 1,
        serials=(("a.test", 1),),
        manifest=b"\x00\xff",
        files=files,
    )
    return replace(made, **changed)


def zone(apex: Name, octet: int = 1) -> Zone:
    soa = Soa(mname=apex, rname=apex, refresh_s=1, retry_s=1, expire_s=1, negative_ttl_s=1, ttl_s=1)
    rrset = RRset(name=apex, rrtype=1, ttl_s=60, rdatas=(bytes([192, 0, 2, octet]),))
    return Zone(apex=apex, soa=soa, rrsets=(rrset,))


def snapshot(*zones: Zone) -> Snapshot:
    model = Model(
        zones=zones,
        sites=(),
        monitors=(),
        endpoints=(),
        pools=(),
        policies=(),
        services=(),
        ecs=EcsTrust(networks=(), own_prefixes=()),
        geo=GeoSources(databases=(), prefixes=()),
    )
    serials = {zone.apex: 1 for zone in zones}
    return compile_snapshot(model, {}, order=Order(1, 1, 0), serials=serials, earlier=(), seed=1)


def change(previous: Snapshot | None, **serials: int) -> Change:
    before = record(1, serials=tuple((f"{name}.test", serial) for name, serial in serials.items())) if serials else None
    return Change(
        files=(), author="", message="", incarnation=1, now_unix_s=NOW, seed=1, record=before, previous=previous
    )


async def test_records_follow_each_other(store: EmbeddedStore) -> None:
    history = History(store)
    current = await history.current()
    assert (current.record, current.pointer) == (None, ABSENT)
    for revision in (1, 2, 3):
        await history.append(record(revision), current.pointer)
        current = await history.current()
        assert current.record == record(revision)
    assert await history.get(1) == record(1)
    assert await history.get(4) is None


async def test_a_stale_pointer_changes_nothing(store: EmbeddedStore) -> None:
    history = History(store)
    await history.append(record(1), ABSENT)
    with pytest.raises(Conflict):
        await history.append(record(2), ABSENT)
    assert (await history.current()).record == record(1)
    assert await history.get(2) is None


async def test_the_last_hundred_are_kept(store: EmbeddedStore) -> None:
    history = History(store)
    for revision in range(1, KEEP_RECORDS + 6):
        await history.append(record(revision), (await history.current()).pointer)
    kept = [await history.get(revision) is not None for revision in range(1, KEEP_RECORDS + 6)]
    assert kept == [False] * 5 + [True] * KEEP_RECORDS


async def test_blobs_are_those_of_all_kept_records(store: EmbeddedStore) -> None:
    history = History(store)
    for revision in (1, 2):
        files = (StoredFile(path="geo", sha256=bytes([revision]) * 32, size_bytes=4, text=None), *record(1).files)
        await history.append(record(revision, files=files), (await history.current()).pointer)
    assert await history.blobs() == {b"\x01" * 32, b"\x02" * 32}


@pytest.mark.parametrize("value", [b"", b"{}", b"[]", b'{"revision": "one"}', b"\xff"])
async def test_a_damaged_record_is_said(store: EmbeddedStore, value: bytes) -> None:
    await store.commit(compares={}, puts={"config/current": b"1", "config/revisions/000000000001": value})
    with pytest.raises(StoreUnavailable, match="cannot be read"):
        await History(store).current()


async def test_a_pointer_to_nothing_is_said(store: EmbeddedStore) -> None:
    await store.commit(compares={}, puts={"config/current": b"1"})
    with pytest.raises(StoreUnavailable, match="does not hold it"):
        await History(store).current()


def test_a_record_comes_back_as_it_was() -> None:
    files = (
        StoredFile(path="ü.yaml", sha256=bytes(range(32)), size_bytes=4, text='quote " back \\ tab \t ü\r\n'),
        StoredFile(path="geo.mmdb", sha256=bytes(32), size_bytes=2**40, text=None),
    )
    assert load_record(dump_record(record(1, files=files))) == record(1, files=files)


def test_texts_are_kept_in_the_record_as_long_as_they_fit() -> None:
    contents = {
        b"1" * 32: b"x" * (MAX_TEXT_BYTES // 2),
        b"2" * 32: b"x" * (MAX_TEXT_BYTES // 2),
        b"3" * 32: b"small",
        b"4" * 32: b"\xff\xfe",
        b"5" * 32: b"\n" * (MAX_TEXT_BYTES // 3),
    }
    files = [
        File(path=str(n), sha256=digest, size_bytes=len(content))
        for n, (digest, content) in enumerate(contents.items())
    ]
    stored = store_files(files, contents.__getitem__)
    assert [file.text is not None for file in stored] == [True, False, True, False, False]
    assert len(dump_record(record(1, files=stored))) < MAX_TEXT_BYTES + 10_000
    assert all(file.text is None or file.text.encode() == contents[file.sha256] for file in stored)


def test_serials_rise_only_where_plain_content_changed() -> None:
    before = snapshot(zone(A), zone(B))
    assert next_serials([zone(A), zone(B, octet=2), zone(C)], change(before, a=5, b=6)) == {A: 5, B: 7, C: NOW}


def test_serials_wrap_around() -> None:
    assert next_serials([zone(A, octet=2)], change(snapshot(zone(A)), a=2**32 - 1)) == {A: 0}


def test_serials_rise_when_it_is_not_known_what_was() -> None:
    assert next_serials([zone(A)], change(None, a=5)) == {A: 6}
    assert next_serials([zone(A)], change(None)) == {A: NOW}


@pytest.mark.parametrize("value", [b"", b"one", b"\xff", b"7"])
async def test_a_damaged_pointer_is_said(store: EmbeddedStore, value: bytes) -> None:
    await store.commit(compares={}, puts={"config/current": value})
    with pytest.raises(StoreUnavailable, match="restore it"):
        await History(store).current()
