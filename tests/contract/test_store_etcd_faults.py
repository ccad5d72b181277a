"""How etcd breaks, on purpose: members killed, stopped and started again under a writer and a watch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from signal import SIGCONT, SIGSTOP

import pytest
from support.etcd import Cluster, members_of_module
from support.waiting import until

from gslb.core.errors import Conflict, StoreUnavailable
from gslb.store.base import ABSENT, Compacted, OutcomeUnknown
from gslb.store.etcd import election
from gslb.store.etcd.store import EtcdStore
from gslb.store.following import follow

DEADLINE_S = 30
AFTER = 20
"""Writes acknowledged after a fault, before a test believes that all is well."""


members = members_of_module(3)


@pytest.fixture
def prefix(members: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A prefix of the test's own; all members are well again when it ends."""
    yield f"faults/{request.node.name}"
    members.repair()


@pytest.fixture
async def store(members: Cluster, prefix: str) -> AsyncIterator[EtcdStore]:
    opened = await EtcdStore.open(members.options(prefix), new_incarnation=7)
    yield opened
    await opened.close()


@dataclass(slots=True)
class Writer:
    """Counts upwards in one key by compare-and-swap; finds out by reading what came of a lost answer."""

    store: EtcdStore
    acknowledged: list[int] = field(default_factory=list)
    lost: int = 0

    async def run(self) -> None:
        while True:
            try:
                await self.step()
            except StoreUnavailable:
                continue

    async def step(self) -> None:
        entry = await self.store.get("n")
        value, revision = (int(entry.value), entry.revision) if entry else (0, ABSENT)
        if self.acknowledged:
            assert value >= self.acknowledged[-1], "an acknowledged write was lost"
        try:
            await self.store.commit(compares={"n": revision}, puts={"n": str(value + 1).encode()})
        except (OutcomeUnknown, Conflict):  # after a lost answer, a write that came late is a conflict
            self.lost += 1
            return
        self.acknowledged.append(value + 1)

    async def more(self, count: int) -> None:
        """Wait until so many more were acknowledged."""
        wanted = len(self.acknowledged) + count
        await until(lambda: len(self.acknowledged) >= wanted)


@asynccontextmanager
async def written_and_watched(store: EtcdStore) -> AsyncIterator[Writer]:
    """A writer at work; at the end the watch must have seen every value once, in order."""
    writer, seen = Writer(store), []

    async def look() -> None:
        async for events in store.watch("n", 0):
            seen.extend(int(event.value or b"") for event in events)

    async with asyncio.timeout(DEADLINE_S):
        tasks = [asyncio.create_task(writer.run()), asyncio.create_task(look())]
        try:
            await writer.more(AFTER)
            yield writer
            tasks[0].cancel()
            await asyncio.wait(tasks[:1])
            last = await store.get("n")
            assert last is not None
            await until(lambda: bool(seen) and seen[-1] >= int(last.value))
            assert seen == list(range(1, len(seen) + 1))  # one more may come: the write that was cancelled
            assert set(writer.acknowledged) <= set(seen)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


async def test_each_member_killed_in_turn_loses_nothing(store: EtcdStore, members: Cluster) -> None:
    async with written_and_watched(store) as writer:
        for number in range(3):
            members.members[number].kill()
            await writer.more(AFTER)
            await asyncio.to_thread(members.start, number)


async def test_a_killed_leader_loses_nothing(store: EtcdStore, members: Cluster) -> None:
    async with written_and_watched(store) as writer:
        members.members[await asyncio.to_thread(members.leader)].kill()
        await writer.more(AFTER)


async def test_a_stopped_leader_loses_nothing_even_when_it_wakes(store: EtcdStore, members: Cluster) -> None:
    async with written_and_watched(store) as writer:
        leader = members.members[await asyncio.to_thread(members.leader)]
        leader.signal(SIGSTOP)
        await writer.more(AFTER)
        leader.signal(SIGCONT)
        await writer.more(AFTER)


async def test_without_a_majority_writes_fail_stale_reads_answer_and_it_resumes_by_itself(
    store: EtcdStore, members: Cluster, prefix: str
) -> None:
    revision = await store.commit(compares={}, puts={"a": b"1"})
    for number in (0, 1):
        members.members[number].kill()
    async with asyncio.timeout(DEADLINE_S):
        await until_no_leader(store)
        for refused in (store.commit(compares={}, puts={"a": b"2"}), store.get("a"), store.list("")):
            with pytest.raises(StoreUnavailable, match=r"more than half of its members must run"):
                await refused
        entry = await store.get("a", stale=True)
        assert entry is not None
        assert (entry.value, entry.revision) == (b"1", revision)
        late = await EtcdStore.open(members.options(prefix), new_incarnation=8)
        assert late.incarnation == 7
        assert (await late.list("", stale=True)).entries == (entry,)
        await late.close()
        members.members[0].start()
        assert await acknowledged(store, b"2") > revision


async def until_no_leader(store: EtcdStore) -> None:
    """Members take a moment to miss the majority; what is asked until then may be answered or lost."""
    while True:
        try:
            await store.get("a")
        except StoreUnavailable as error:
            if "no leader" in str(error):
                return


async def test_nobody_there_to_open_is_said(members: Cluster, prefix: str) -> None:
    for member in members.members:
        member.kill()
    with pytest.raises(StoreUnavailable, match=r"etcd at 127\.0\.0\.1:.*no connection"):
        await EtcdStore.open(members.options(prefix), new_incarnation=7)


async def test_a_write_whose_answer_is_lost_is_not_repeated(store: EtcdStore, members: Cluster) -> None:
    first = await store.commit(compares={}, puts={"a": b"1"})
    for member in members.members:
        member.signal(SIGSTOP)
    with pytest.raises(OutcomeUnknown, match="look before you repeat it"):
        await store.commit(compares={}, puts={"a": b"2"})
    for member in members.members:
        member.signal(SIGCONT)
    await asyncio.to_thread(members.wait_until_healthy)
    last = await store.commit(compares={}, puts={"a": b"3"})
    async with asyncio.timeout(DEADLINE_S), aclosing(store.watch("a", first)) as watch:
        seen = []
        while not seen or seen[-1].revision < last:
            seen += await anext(watch)
    assert [event.value for event in seen] in ([b"2", b"3"], [b"3"])


async def test_what_a_watch_missed_by_a_compaction_is_said_and_following_goes_on(
    members: Cluster, store: EtcdStore, prefix: str
) -> None:
    """A store that knows one member only is cut off from all when that one is down."""
    alone = await EtcdStore.open(members.options(prefix, 0), new_incarnation=7)
    async with asyncio.timeout(DEADLINE_S):
        first = await store.commit(compares={}, puts={"a": b"1"})
        states, watch = follow(alone, "a"), alone.watch("a", first - 1)
        async with aclosing(states), aclosing(watch):
            assert (await anext(states)).revision == first
            assert (await anext(watch))[0].value == b"1"
            state, events = asyncio.ensure_future(anext(states)), asyncio.ensure_future(anext(watch))
            await alone.list("")  # both are waiting by now
            members.members[0].kill()
            await acknowledged(store, b"2")
            last = await acknowledged(store, b"3")
            await asyncio.to_thread(members.etcdctl, "compact", str(last))
            await asyncio.to_thread(members.start, 0)
            with pytest.raises(Compacted):
                await events
            assert [entry.value for entry in (await state).entries] == [b"3"]
    await alone.close()


async def acknowledged(store: EtcdStore, value: bytes) -> int:
    """Put a value, again if need be."""
    return await succeeding(lambda: store.commit(compares={}, puts={"a": value}))


async def succeeding(attempt: Callable[[], Awaitable[int]]) -> int:
    while True:
        try:
            return await attempt()
        except StoreUnavailable:
            continue


async def test_leadership_is_kept_while_members_die(store: EtcdStore, members: Cluster) -> None:
    async with asyncio.timeout(DEADLINE_S), store.campaign("e", "one") as leadership:
        members.members[await asyncio.to_thread(members.leader)].kill()
        before = leadership.left_s
        await until(lambda: leadership.left_s > before)  # it was prolonged
        assert await succeeding(lambda: store.commit(compares=leadership.fence, puts={"a": b"1"}))


async def test_a_leader_that_cannot_reach_etcd_stops_by_its_own_clock(
    store: EtcdStore, members: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(election, "LEASE_S", 2)
    async with asyncio.timeout(DEADLINE_S):
        async with store.campaign("e", "one") as leadership:
            for member in members.members:
                member.signal(SIGSTOP)
            await leadership.over()
            assert not leadership.is_held()
            for member in members.members:
                member.signal(SIGCONT)
        await asyncio.to_thread(members.wait_until_healthy)
        async with store.campaign("e", "two") as later:
            assert later.revision > leadership.revision
            with pytest.raises(Conflict):
                await store.commit(compares=leadership.fence, puts={"a": b"late"})


@pytest.mark.parametrize("written", [True, False])
async def test_an_election_whose_answer_is_lost_is_won_all_the_same(
    store: EtcdStore, monkeypatch: pytest.MonkeyPatch, written: bool
) -> None:
    commit, lost = store.commit_with_lease, []

    async def losing(**arguments: object) -> int:
        if lost:
            return await commit(**arguments)
        lost.append(await commit(**arguments) if written else 0)
        raise OutcomeUnknown("lost")

    monkeypatch.setattr(store, "commit_with_lease", losing)
    async with asyncio.timeout(DEADLINE_S), store.campaign("e", "one") as leadership:
        entry = await store.get(leadership.key)
        assert entry is not None
        assert (entry.value, entry.revision) == (b"one", leadership.revision)
        assert (leadership.revision == lost[0]) is written


async def test_a_key_of_another_lease_is_not_taken_for_ones_own(store: EtcdStore) -> None:
    async with store.campaign("e", "one") as leadership:
        assert await store.revision_with(leadership.key, 1) is None
        assert await store.revision_with("election/other", 0) is None


async def test_a_leader_that_vanishes_is_followed_by_another(
    store: EtcdStore, members: Cluster, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(election, "LEASE_S", 2)
    other = await EtcdStore.open(members.options(prefix), new_incarnation=7)
    async with asyncio.timeout(DEADLINE_S):
        async with other.campaign("e", "one") as leadership:
            await other.close()  # as if killed: the lease is neither kept nor given back
            async with store.campaign("e", "two") as later:
                assert later.revision > leadership.revision
                assert later.is_held()
        assert not leadership.is_held()
