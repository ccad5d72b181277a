"""Records of configurations in the store, SOA serials, and which contents are kept where."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from support.nothing import NOTHING

from gslb.coordinator.audit.entry import Note
from gslb.coordinator.configuration.compiling import Change, next_serials
from gslb.coordinator.configuration.history import (
    KEPT,
    MAX_TEXT_BYTES,
    File,
    History,
    Record,
    StoredFile,
    dump_record,
    load_record,
    store_files,
)
from gslb.coordinator.configuration.retention import MAX_DROPPED, Limits
from gslb.core.compile import compile_snapshot
from gslb.core.errors import Conflict, StoreUnavailable
from gslb.core.model import RRset, Soa, Zone
from gslb.core.names import Name
from gslb.core.order import Order
from gslb.core.rollout import Rollout, Stage
from gslb.core.snapshot import Snapshot
from gslb.store.base import ABSENT
from gslb.store.blobs import MissingBlob
from gslb.store.embedded import EmbeddedStore
from gslb.store.shelf import Shelf

A, B, C = (Name.from_text(text) for text in ("a.test.", "b.test.", "c.test."))
NOW = 1_800_000_000
ENTRY = Note(who="ann", peer="", action="apply").done(NOW, Order(1, 1, 0), Order(1, 2, 0))


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
    model = replace(NOTHING, zones=zones)
    serials = {zone.apex: 1 for zone in zones}
    return compile_snapshot(model, {}, order=Order(1, 1, 0), serials=serials, earlier=(), seed=1)


def change(previous: Snapshot | None, **serials: int) -> Change:
    before = record(1, serials=tuple((f"{name}.test", serial) for name, serial in serials.items())) if serials else None
    return Change(
        files=(), author="", message="", incarnation=1, now_unix_s=NOW, seed=1, record=before, previous=previous
    )


def released(revision: int) -> Rollout:
    return Rollout(revision=revision, stage=Stage.RELEASED)


async def test_records_follow_each_other(store: EmbeddedStore) -> None:
    history = History(store)
    current = await history.current()
    assert (current.record, set(current.pointers.values())) == (None, {ABSENT})
    for revision in (1, 2, 3):
        await history.append(record(revision), released(revision), current, ENTRY)
        current = await history.current()
        assert current.record == record(revision)
    assert await history.get(1) == record(1)
    assert await history.get(4) is None


async def test_a_stale_pointer_changes_nothing(store: EmbeddedStore) -> None:
    history = History(store)
    nothing = await history.current()
    await history.append(record(1), released(1), nothing, ENTRY)
    with pytest.raises(Conflict):
        await history.append(record(2), released(2), nothing, ENTRY)
    assert (await history.current()).record == record(1)
    assert await history.get(2) is None


async def append(history: History, revision: int, **changed: object) -> bool:
    return await history.append(record(revision, **changed), released(revision), await history.current(), ENTRY)


def with_inputs(**sizes: int) -> tuple[StoredFile, ...]:
    """Files that are blobs of these sizes, beside a text."""
    blobs = [
        StoredFile(path=name, sha256=name.encode() * 32, size_bytes=count, text=None) for name, count in sizes.items()
    ]
    return (*record(1).files, *blobs)


async def kept(history: History, newest: int) -> list[int]:
    return [revision for revision in range(1, newest + 1) if await history.get(revision) is not None]


async def test_as_many_are_kept_as_was_asked_for(store: EmbeddedStore) -> None:
    history = History(store, Limits(revisions=3))
    for revision in range(1, 8):
        await append(history, revision)
    assert await kept(history, 7) == [5, 6, 7]


async def test_a_lower_limit_counts_from_the_next_one_on(store: EmbeddedStore) -> None:
    many = MAX_DROPPED + 10
    for revision in range(1, many + 1):
        await append(History(store, Limits(revisions=many)), revision)
    history = History(store, Limits(revisions=2))
    await append(history, many + 1)
    assert await kept(history, many + 1) == list(range(MAX_DROPPED + 1, many + 2))
    await append(history, many + 2)
    assert await kept(history, many + 2) == [many + 1, many + 2]


async def test_inputs_count_once_and_old_ones_go_when_they_are_too_much(store: EmbeddedStore) -> None:
    history = History(store, Limits(size_bytes=100_000))
    leaves = [await append(history, revision, files=with_inputs(a=60_000)) for revision in (1, 2, 3)]
    assert await kept(history, 3) == [1, 2, 3]
    leaves.append(await append(history, 4, files=with_inputs(b=30_000)))
    assert await kept(history, 4) == [1, 2, 3, 4]
    leaves.append(await append(history, 5, files=with_inputs(c=30_000)))
    assert await kept(history, 5) == [4, 5]
    assert leaves == [True, False, False, True, True]
    assert await history.blobs() == {b"b" * 32, b"c" * 32}


async def test_the_one_in_force_and_the_one_before_stay_whatever_they_take(store: EmbeddedStore) -> None:
    history = History(store, Limits(size_bytes=1))
    for revision in (1, 2, 3):
        await append(history, revision, files=with_inputs(a=60_000))
    assert await kept(history, 3) == [2, 3]


async def test_what_leaves_inputs_is_said_also_when_only_an_old_one_goes(store: EmbeddedStore) -> None:
    history = History(store, Limits(revisions=2))
    leaves = [
        await append(history, revision, files=files)
        for revision, files in enumerate((with_inputs(a=5), *3 * [with_inputs(b=5)]), start=1)
    ]
    assert leaves == [True, True, True, False]


async def test_pages_go_from_the_newest_to_the_oldest(store: EmbeddedStore) -> None:
    history = History(store)
    assert (await history.page(10, 0)).records == ()
    for revision in range(1, 6):
        await append(history, revision)
    first = await history.page(2, 0)
    assert ([one.revision for one in first.records], first.more) == ([5, 4], True)
    rest = await history.page(10, 4)
    assert ([one.revision for one in rest.records], rest.more) == ([3, 2, 1], False)


async def test_a_store_without_the_list_is_read_whole(store: EmbeddedStore) -> None:
    history = History(store, Limits(revisions=3))
    for revision in (1, 2, 3):
        await append(history, revision, files=with_inputs(a=5))
    await store.commit(compares={}, puts={}, deletes=[KEPT])
    assert await history.blobs() == {b"a" * 32}
    await append(history, 4)
    assert await kept(history, 4) == [2, 3, 4]


async def test_a_damaged_list_is_said_and_nothing_is_taken_for_unused(store: EmbeddedStore) -> None:
    history = History(store)
    await append(history, 1, files=with_inputs(a=5))
    await store.commit(compares={}, puts={KEPT: b"{"})
    with pytest.raises(StoreUnavailable, match="the list of configurations"):
        await history.blobs()


async def test_an_input_that_another_coordinator_names_meanwhile_is_not_removed(store: EmbeddedStore) -> None:
    history, shelf = History(store), Shelf(store)
    await append(history, 1)
    content = b"large"
    digest = sha256(content).digest()
    await shelf.put(digest, content)
    fence, named = await history.fence(), await history.blobs()
    await append(history, 2, files=(StoredFile(path="geo", sha256=digest, size_bytes=5, text=None),))
    await shelf.keep_only(named, fence)
    assert await shelf.read(digest) == content
    await append(history, 3)
    await shelf.keep_only([], await history.fence())
    with pytest.raises(MissingBlob):
        await shelf.read(digest)


async def test_blobs_are_those_of_all_kept_records(store: EmbeddedStore) -> None:
    history = History(store)
    for revision, name in enumerate("ab", start=1):
        await append(history, revision, files=with_inputs(**{name: 4}))
    assert await history.blobs() == {b"a" * 32, b"b" * 32}


async def test_each_record_is_read_once_for_its_blobs(store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    history, read, get = History(store), list[int](), History.get

    async def counted(one: History, revision: int, *, stale: bool = False) -> Record | None:
        read.append(revision)
        return await get(one, revision, stale=stale)

    monkeypatch.setattr(History, "get", counted)
    await append(history, 1, files=with_inputs(a=4))
    await history.blobs()
    read.clear()
    await append(history, 2)
    read.clear()
    assert await history.blobs() == {b"a" * 32}
    assert read == [2]


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
