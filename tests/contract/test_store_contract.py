"""What every store must do, whichever it is: the coordinator relies on nothing else."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from pathlib import Path

import pytest
from support.etcd import Cluster, members_of_module
from support.waiting import eventually, until

from gslb.core.errors import Conflict, StoreUnavailable
from gslb.store.base import (
    ABSENT,
    MAX_COMMIT_BYTES,
    MAX_COMMIT_KEYS,
    CommitTooLarge,
    Compacted,
    Entry,
    Event,
    Listing,
    Store,
)
from gslb.store.blobs import MissingBlob
from gslb.store.embedded import KEEP_REVISIONS, EmbeddedStore
from gslb.store.etcd.store import EtcdStore
from gslb.store.following import follow
from gslb.store.shelf import MAX_BLOB_BYTES, PIECE_BYTES, Shelf

Open = Callable[[], Awaitable[Store]]
"""Opens the same store each time it is called; the one opened before must be closed."""

DEADLINE_S = 10


members = members_of_module(3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A store under test. `compact`: make it forget all events up to a revision."""

    open: Open
    compact: Callable[[Store, int], Awaitable[None]]


def embedded(request: pytest.FixtureRequest, folder: Path) -> Kind:
    async def compact(store: Store, revision: int) -> None:
        while (await store.commit(compares={}, puts={"filler": b""})) < revision + 2 * KEEP_REVISIONS:
            pass

    return Kind(open=lambda: EmbeddedStore.open(folder / "store.db", new_incarnation=7), compact=compact)


def etcd(request: pytest.FixtureRequest, folder: Path) -> Kind:
    members: Cluster = request.getfixturevalue("members")
    options = members.options(f"tests/{folder.name}")

    async def compact(store: Store, revision: int) -> None:
        await asyncio.to_thread(members.etcdctl, "compact", str(revision))

    return Kind(open=lambda: EtcdStore.open(options, new_incarnation=7), compact=compact)


FACTORIES = [pytest.param(embedded, id="embedded"), pytest.param(etcd, id="etcd")]


@pytest.fixture(params=FACTORIES)
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Kind:
    made: Kind = request.param(request, tmp_path)
    return made


@pytest.fixture
def reopen(kind: Kind) -> Open:
    return kind.open


@pytest.fixture
async def store(reopen: Open) -> AsyncIterator[Store]:
    opened = await reopen()
    yield opened
    await opened.close()


async def collect(store: Store, prefix: str, after: int, commits: int) -> list[tuple[Event, ...]]:
    """The first `commits` that a watch shows."""
    seen: list[tuple[Event, ...]] = []
    async with asyncio.timeout(DEADLINE_S), aclosing(store.watch(prefix, after)) as watch:
        async for events in watch:
            seen.append(events)
            if len(seen) == commits:
                break
    return seen


def values(listing: Listing) -> dict[str, bytes]:
    return {entry.key: entry.value for entry in listing.entries}


async def test_absent_key_reads_as_none(store: Store) -> None:
    assert await store.get("a") is None
    listing = await store.list("")
    assert listing.entries == ()
    assert await store.commit(compares={}, puts={"a": b""}) > listing.revision


async def test_a_put_is_read_back_with_its_revision(store: Store) -> None:
    revision = await store.commit(compares={}, puts={"a": b"1", "b": b""})
    a, b = await store.get("a"), await store.get("b")
    assert a is not None
    assert b is not None
    assert (a.value, a.revision) == (b"1", revision)
    assert (b.value, b.revision) == (b"", revision)


async def test_revisions_rise_with_every_change_and_only_then(store: Store) -> None:
    first = await store.commit(compares={}, puts={"a": b"1"})
    second = await store.commit(compares={}, puts={"a": b"1"})
    assert second > first
    assert await store.commit(compares={"a": second}, puts={}) == second
    assert await store.commit(compares={}, puts={}, deletes=["absent"]) == second
    assert (await store.list("")).revision == second


async def scanned(store: Store, *skip: str) -> tuple[int, list[Entry]]:
    scan = await store.scan(skip)
    async with aclosing(scan.entries) as entries:
        return scan.revision, [entry async for entry in entries]


async def test_a_scan_gives_all_that_a_list_gives(store: Store) -> None:
    assert (await scanned(store))[1] == []
    for number in range(40):
        await store.commit(compares={}, puts={f"a/{number:02}": str(number).encode(), f"b/{number:02}": b""})
    await store.commit(compares={}, puts={"a/00": b"new"}, deletes=["a/01"])
    listing = await store.list("")
    assert await scanned(store) == (listing.revision, list(listing.entries))
    assert [entry.key for entry in (await scanned(store, "b/", "a/0"))[1]] == [f"a/{n}" for n in range(10, 40)]


async def test_a_scan_shows_one_revision_whatever_is_written_meanwhile(store: Store) -> None:
    before = await store.commit(compares={}, puts=dict.fromkeys("abc", b"old"))
    scan = await store.scan()
    seen = []
    async with aclosing(scan.entries) as entries:
        async for entry in entries:
            seen.append((entry.key, entry.value))
            await store.commit(compares={}, puts=dict.fromkeys("bcd", b"new"))
            await store.commit(compares={}, puts={}, deletes=["c"])
    assert scan.revision == before
    assert seen == [("a", b"old"), ("b", b"old"), ("c", b"old")]


async def test_a_scan_that_takes_too_long_says_so(kind: Kind, store: Store) -> None:
    await store.commit(compares={}, puts=dict.fromkeys("abc", b"old"))
    scan = await store.scan()
    async with aclosing(scan.entries) as entries:
        assert (await anext(entries)).key == "a"
        revision = await store.commit(compares={}, puts=dict.fromkeys("bc", b"new"))
        await kind.compact(store, revision)
        with pytest.raises(Compacted):
            await anext(entries)


async def test_the_incarnation_only_rises(reopen: Open) -> None:
    store = await reopen()
    before = store.incarnation
    await store.commit(compares={}, puts={"a": b"1"})
    await store.raise_incarnation(before + 5)
    assert store.incarnation == before + 5
    for lower in (before, before + 5):
        with pytest.raises(Conflict, match="not higher"):
            await store.raise_incarnation(lower)
    await store.close()
    store = await reopen()
    assert store.incarnation == before + 5
    assert values(await store.list("")) == {"a": b"1"}
    await store.close()


async def test_list_is_sorted_and_confined_to_the_prefix(store: Store) -> None:
    await store.commit(compares={}, puts=dict.fromkeys(("b/2", "a", "b/10", "b", "c", "b/ü", "b0"), b""))
    listing = await store.list("b/")
    assert [entry.key for entry in listing.entries] == ["b/10", "b/2", "b/ü"]
    assert len((await store.list("")).entries) == 7


async def test_like_wildcards_in_a_prefix_mean_themselves(store: Store) -> None:
    await store.commit(compares={}, puts={"a%b": b"", "axb": b"", "a_b": b""})
    assert [entry.key for entry in (await store.list("a%")).entries] == ["a%b"]
    assert [entry.key for entry in (await store.list("a_")).entries] == ["a_b"]


async def test_compare_and_swap(store: Store) -> None:
    first = await store.commit(compares={"a": ABSENT}, puts={"a": b"1"})
    with pytest.raises(Conflict):
        await store.commit(compares={"a": ABSENT}, puts={"a": b"2"})
    second = await store.commit(compares={"a": first}, puts={"a": b"2"})
    with pytest.raises(Conflict):
        await store.commit(compares={"a": first}, puts={"a": b"3"})
    entry = await store.get("a")
    assert entry is not None
    assert (entry.value, entry.revision) == (b"2", second)


async def test_one_failed_compare_writes_nothing_at_all(store: Store) -> None:
    first = await store.commit(compares={}, puts={"a": b"1"})
    with pytest.raises(Conflict):
        await store.commit(compares={"a": first, "b": 99}, puts={"c": b""}, deletes=["a"])
    listing = await store.list("")
    assert [entry.key for entry in listing.entries] == ["a"]
    assert listing.revision == first


async def test_a_deleted_key_is_absent_and_can_come_back(store: Store) -> None:
    await store.commit(compares={}, puts={"a": b"1"})
    deleted = await store.commit(compares={}, puts={}, deletes=["a"])
    assert await store.get("a") is None
    assert (await store.list("")).entries == ()
    back = await store.commit(compares={"a": ABSENT}, puts={"a": b"2"})
    assert back > deleted


async def test_puts_and_deletes_go_together(store: Store) -> None:
    await store.commit(compares={}, puts={"old": b"1"})
    revision = await store.commit(compares={}, puts={"new": b"1"}, deletes=["old"])
    assert await collect(store, "", revision - 1, 1) == [
        (
            Event(key="new", value=b"1", revision=revision),
            Event(key="old", value=None, revision=revision),
        )
    ]


async def test_a_contradiction_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="put and deleted"):
        await store.commit(compares={}, puts={"a": b""}, deletes=["a"])


async def test_sizes_are_limited(store: Store) -> None:
    await store.commit(compares={}, puts={"a": b"x" * (MAX_COMMIT_BYTES - 1)})
    with pytest.raises(CommitTooLarge):
        await store.commit(compares={}, puts={"a": b"x" * MAX_COMMIT_BYTES})
    with pytest.raises(CommitTooLarge):
        await store.commit(compares={}, puts={"k" * 513: b""})
    assert len((await store.list("")).entries) == 1


async def test_keys_of_one_commit_are_limited(store: Store) -> None:
    keys = [f"k{number:04}" for number in range(MAX_COMMIT_KEYS + 1)]
    revision = await store.commit(compares={}, puts=dict.fromkeys(keys[:-1], b""))
    assert [entry.revision for entry in (await store.list("k")).entries] == [revision] * MAX_COMMIT_KEYS
    for refused in (
        store.commit(compares={}, puts=dict.fromkeys(keys, b"")),
        store.commit(compares={}, puts={}, deletes=keys),
        store.commit(compares=dict.fromkeys(keys, ABSENT), puts={"a": b""}),
    ):
        with pytest.raises(CommitTooLarge, match="too many keys"):
            await refused
    assert (await store.list("")).revision == revision


async def test_a_stale_read_is_a_read(store: Store) -> None:
    revision = await store.commit(compares={}, puts={"a": b"1"})

    async def seen() -> bool:
        entry = await store.get("a", stale=True)
        return (
            entry is not None and entry.revision == revision and (await store.list("", stale=True)).entries == (entry,)
        )

    await eventually(seen)


async def test_of_racing_swaps_exactly_one_wins(store: Store) -> None:
    async def swap(value: int) -> bool:
        try:
            await store.commit(compares={"a": ABSENT}, puts={"a": str(value).encode()})
        except Conflict:
            return False
        return True

    assert sum(await asyncio.gather(*(swap(value) for value in range(20)))) == 1


async def test_contended_counter_loses_no_increment(store: Store) -> None:
    async def increment() -> None:
        while True:
            entry = await store.get("n")
            expected, value = (entry.revision, int(entry.value)) if entry else (ABSENT, 0)
            try:
                await store.commit(compares={"n": expected}, puts={"n": str(value + 1).encode()})
            except Conflict:
                continue
            return

    async with asyncio.timeout(DEADLINE_S):
        await asyncio.gather(*(increment() for _ in range(40)))
    entry = await store.get("n")
    assert entry is not None
    assert entry.value == b"40"


async def test_a_watch_shows_what_was_and_what_comes(store: Store) -> None:
    before = await store.commit(compares={}, puts={"w/a": b"1"})
    watching = asyncio.create_task(collect(store, "w/", 0, 3))
    await store.commit(compares={}, puts={"other": b"x"})
    second = await store.commit(compares={}, puts={"w/a": b"2"})
    third = await store.commit(compares={}, puts={}, deletes=["w/a"])
    assert await watching == [
        (Event(key="w/a", value=b"1", revision=before),),
        (Event(key="w/a", value=b"2", revision=second),),
        (Event(key="w/a", value=None, revision=third),),
    ]


async def test_a_waiting_watch_is_woken(store: Store) -> None:
    async with asyncio.timeout(DEADLINE_S), aclosing(store.watch("", 0)) as watch:
        for value in (b"1", b"2", b"3"):
            pending = asyncio.ensure_future(anext(watch))
            await store.list("")  # by now the watch has had its turn and found nothing
            assert not pending.done()
            revision = await store.commit(compares={}, puts={"a": value})
            assert await pending == (Event(key="a", value=value, revision=revision),)


async def test_a_watch_resumes_after_any_revision(store: Store) -> None:
    revisions = [await store.commit(compares={}, puts={"a": str(n).encode(), "b": b""}) for n in range(30)]
    for start in (0, 1, 15, 28):
        seen = await collect(store, "", revisions[start], 29 - start)
        assert [events[0].revision for events in seen] == revisions[start + 1 :]
        assert all([event.key for event in events] == ["a", "b"] for events in seen)


async def test_a_watch_catches_up_with_more_than_one_message_holds(store: Store) -> None:
    large = {f"large/{number}": bytes([number]) * (MAX_COMMIT_BYTES // 4 - 16) for number in range(4)}
    start = (await store.list("")).revision
    revisions = [await store.commit(compares={}, puts=large) for _ in range(4)]
    seen = await collect(store, "large/", start, 4)
    assert [events[0].revision for events in seen] == revisions
    assert all({event.key: event.value for event in events} == large for events in seen)


async def test_many_writers_one_watch_nothing_lost_nothing_twice(store: Store) -> None:
    async def write(writer: int) -> list[int]:
        return [await store.commit(compares={}, puts={f"w/{writer}": str(n).encode()}) for n in range(10)]

    watching = asyncio.create_task(collect(store, "w/", 0, 200))
    acknowledged = await asyncio.gather(*(write(writer) for writer in range(20)))
    seen = await watching
    assert [events[0].revision for events in seen] == sorted(chain.from_iterable(acknowledged))
    for writer in range(20):
        mine = [event for events in seen for event in events if event.key == f"w/{writer}"]
        assert [event.value for event in mine] == [str(n).encode() for n in range(10)]


async def test_list_then_watch_has_no_gap(store: Store) -> None:
    async def write() -> None:
        for n in range(50):
            await store.commit(compares={}, puts={"a": str(n).encode()})

    writing = asyncio.create_task(write())
    async with asyncio.timeout(DEADLINE_S):
        listing = await store.list("a")
        value = int(listing.entries[0].value) if listing.entries else -1
        async with aclosing(store.watch("a", listing.revision)) as watch:
            while value < 49:
                (event,) = await anext(watch)
                assert event.value is not None
                assert int(event.value) == value + 1
                value += 1
        await writing


async def test_a_watch_from_before_a_compaction_is_told_and_one_from_after_a_list_goes_on(
    store: Store, kind: Kind
) -> None:
    first = await store.commit(compares={}, puts={"a": b"1"})
    last = await store.commit(compares={}, puts={"a": b"2"})
    await kind.compact(store, last)
    with pytest.raises(Compacted):
        await collect(store, "a", first - 1, 1)
    listing = await store.list("a")
    assert [(entry.value, entry.revision) for entry in listing.entries] == [(b"2", last)]
    watching = asyncio.create_task(collect(store, "a", listing.revision, 1))
    third = await store.commit(compares={}, puts={"a": b"3"})
    assert await watching == [(Event(key="a", value=b"3", revision=third),)]


async def test_a_watch_under_way_is_not_hurt_by_a_compaction(store: Store, kind: Kind) -> None:
    first = await store.commit(compares={}, puts={"a": b"1"})
    async with asyncio.timeout(DEADLINE_S), aclosing(store.watch("a", first - 1)) as watch:
        assert (await anext(watch))[0].value == b"1"
        waiting = asyncio.ensure_future(anext(watch))
        await kind.compact(store, first)
        second = await store.commit(compares={}, puts={"a": b"2"})
        assert await waiting == (Event(key="a", value=b"2", revision=second),)


async def test_following_gives_what_there_is_and_every_change(store: Store) -> None:
    await store.commit(compares={}, puts={"f/a": b"1", "f/b": b"1", "other": b""})
    async with asyncio.timeout(DEADLINE_S), aclosing(follow(store, "f/")) as states:
        assert values(await anext(states)) == {"f/a": b"1", "f/b": b"1"}
        await store.commit(compares={}, puts={"f/c": b"1"}, deletes=["f/a"])
        assert values(await anext(states)) == {"f/b": b"1", "f/c": b"1"}
        revision = await store.commit(compares={}, puts={"f/b": b"2"})
        assert await anext(states) == Listing(entries=(await store.list("f/")).entries, revision=revision)


async def test_following_lists_again_whatever_the_watch_says(store: Store) -> None:
    lists = 0
    listed = store.list

    async def counting(prefix: str, *, stale: bool = False) -> Listing:
        nonlocal lists
        lists += 1
        return await listed(prefix, stale=stale)

    store.list = counting
    await store.commit(compares={}, puts={"f/a": b"1"})
    async with asyncio.timeout(DEADLINE_S), aclosing(follow(store, "f/", relist_s=0.01)) as states:
        assert values(await anext(states)) == {"f/a": b"1"}
        changed = asyncio.ensure_future(anext(states))
        await until(lambda: lists > 3)
        assert not changed.done()  # what is the same is not given again
        await store.commit(compares={}, puts={"f/a": b"2"})
        assert values(await changed) == {"f/a": b"2"}


async def test_one_candidate_leads_and_the_next_one_in_a_later_term(store: Store) -> None:
    async with asyncio.timeout(DEADLINE_S):
        async with store.campaign("e", "one") as first:
            second = store.campaign("e", "two")
            waiting = asyncio.ensure_future(second.__aenter__())
            entry = await store.get(first.key)
            assert entry is not None
            assert (entry.value, entry.revision) == (b"one", first.revision)
            assert first.is_held()
            assert not waiting.done()
        assert not first.is_held()
        await first.over()
        leadership = await waiting
        assert leadership.revision > first.revision
        assert leadership.is_held()
        await second.__aexit__(None, None, None)
        assert await store.get(first.key) is None


async def test_elections_do_not_concern_each_other(store: Store) -> None:
    async with asyncio.timeout(DEADLINE_S), store.campaign("e", "one") as one, store.campaign("e2", "two") as two:
        assert one.is_held()
        assert two.is_held()


async def test_what_a_leader_of_the_past_writes_is_refused(store: Store) -> None:
    async with asyncio.timeout(DEADLINE_S):
        async with store.campaign("e", "one") as past:
            first = await store.commit(compares=past.fence, puts={"a": b"past"})
        with pytest.raises(Conflict):
            await store.commit(compares=past.fence, puts={"a": b"late"})
        async with store.campaign("e", "two") as present:
            with pytest.raises(Conflict):
                await store.commit(compares={**past.fence, "a": first}, puts={"a": b"late"})
            await store.commit(compares={**present.fence, "a": first}, puts={"a": b"present"})
    entry = await store.get("a")
    assert entry is not None
    assert entry.value == b"present"


def blob(size: int, seed: int = 1) -> tuple[bytes, bytes]:
    """Content that no shift or loss of a piece leaves as it is, and its digest."""
    content = random.Random(seed).randbytes(size)
    return content, sha256(content).digest()


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES, 2 * PIECE_BYTES + 1])
async def test_a_large_content_comes_back_whole(store: Store, size: int) -> None:
    content, digest = blob(size)
    (compared,) = (await Shelf(store).put(digest, content)).items()
    assert await Shelf(store).read(digest) == content
    before = (await store.list("")).revision
    assert await Shelf(store).put(digest, content) == dict([compared])
    assert (await store.list("")).revision == before


async def test_a_content_of_which_a_piece_is_missing_is_not_there_until_put_again(store: Store) -> None:
    content, digest = blob(PIECE_BYTES + 1)
    shelf = Shelf(store)
    with pytest.raises(MissingBlob, match="not in the store"):
        await shelf.read(digest)
    await shelf.put(digest, content)
    manifest, pieces = (await store.list("blobs/")).entries[0], (await store.list("blobs/pieces/")).entries
    await store.commit(compares={}, puts={manifest.key: b"part"}, deletes=[pieces[1].key])
    with pytest.raises(MissingBlob, match="not in the store"):
        await shelf.read(digest)
    await shelf.put(digest, content)
    assert await shelf.read(digest) == content
    await store.commit(compares={}, puts={}, deletes=[pieces[0].key])
    with pytest.raises(MissingBlob, match="damaged"):
        await shelf.read(digest)


async def test_contents_that_nothing_names_are_removed_and_cannot_be_named_any_more(store: Store) -> None:
    (kept, kept_digest), (gone, gone_digest) = blob(PIECE_BYTES + 1, 1), blob(PIECE_BYTES + 1, 2)
    shelf = Shelf(store)
    await shelf.put(kept_digest, kept)
    relied_on = await shelf.put(gone_digest, gone)
    await shelf.keep_only([kept_digest], {})
    assert await shelf.read(kept_digest) == kept
    assert len((await store.list("blobs/")).entries) == 3
    with pytest.raises(Conflict):
        await store.commit(compares=relied_on, puts={"a": gone_digest})


@pytest.mark.parametrize("manifest", [b"", b"x", b"-1", b"99999999999", b"1\n2", b"999"])
async def test_a_manifest_that_others_wrote_makes_a_content_missing(store: Store, manifest: bytes) -> None:
    _, digest = blob(1)
    shelf = Shelf(store)
    await store.commit(compares={}, puts={f"blobs/manifests/{digest.hex()}": manifest, "blobs/manifests/odd": manifest})
    with pytest.raises(MissingBlob):
        await shelf.read(digest)
    await shelf.keep_only([], {})
    assert (await store.list("")).entries == ()


async def test_a_content_that_is_too_large_is_refused_before_anything_is_written(store: Store) -> None:
    content = bytes(MAX_BLOB_BYTES + 1)
    with pytest.raises(CommitTooLarge, match=f"{MAX_BLOB_BYTES} fit"):
        await Shelf(store).put(b"d" * 32, content)
    assert (await store.list("")).entries == ()


async def test_everything_is_there_after_reopening(reopen: Open) -> None:
    store = await reopen()
    incarnation = store.incarnation
    await store.commit(compares={}, puts={"a": b"1", "b": b"2"})
    revision = await store.commit(compares={}, puts={}, deletes=["b"])
    await store.close()
    store = await reopen()
    try:
        assert store.incarnation == incarnation
        listing = await store.list("")
        assert [(entry.key, entry.value) for entry in listing.entries] == [("a", b"1")]
        assert listing.revision == revision
        assert (await collect(store, "", revision - 1, 1))[0][0].key == "b"
        assert await store.commit(compares={}, puts={"c": b""}) > revision
    finally:
        await store.close()


async def test_closing_ends_watches_and_refuses_calls(reopen: Open) -> None:
    store = await reopen()
    watch = store.watch("", 0)
    pending = asyncio.ensure_future(anext(watch, None))
    await store.list("")
    await store.close()
    async with asyncio.timeout(DEADLINE_S):
        assert await pending is None
    with pytest.raises(StoreUnavailable):
        await store.get("a")
    await store.close()
