"""Calls to etcd that meet the unusual: endpoints that say nothing or are another's, compaction, callers who leave."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from socket import create_server

import pytest
from support.etcd import Cluster, cluster, members_of_module
from support.waiting import eventually, until

from gslb.core.errors import StoreUnavailable
from gslb.runtime.addresses import SocketAddress
from gslb.store.etcd import election, keyspace
from gslb.store.etcd.store import EtcdStore

DEADLINE_S = 30
CANCELLED, LONGEST_S = 50, 0.03
"""How often, and how long anything lives until it is."""


member = members_of_module(1)


@pytest.fixture
async def store(member: Cluster, request: pytest.FixtureRequest) -> AsyncIterator[EtcdStore]:
    opened = await EtcdStore.open(member.options(f"calls/{request.node.name}"), new_incarnation=7)
    yield opened
    await opened.close()


async def test_an_endpoint_that_takes_connections_and_never_answers_costs_no_call(member: Cluster) -> None:
    options = member.options("holes")
    with create_server(("127.0.0.1", 0)) as one, create_server(("127.0.0.1", 0)) as other:
        holes = (SocketAddress(*hole.getsockname()) for hole in (one, other))
        store = await EtcdStore.open(replace(options, endpoints=(*holes, *options.endpoints)), new_incarnation=7)
        async with asyncio.timeout(DEADLINE_S), store.campaign("e", "one") as leadership:
            assert await store.commit(compares=leadership.fence, puts={"a": b"1"})
        await store.close()


async def test_a_member_that_went_to_another_cluster_takes_no_write(tmp_path: Path) -> None:
    """As one that was removed and set up anew."""
    folders = [tmp_path / name for name in ("ours", "other")]
    for folder in folders:
        folder.mkdir()
    with cluster(folders[0], 1) as ours, cluster(folders[1], 1) as other:
        options = ours.options("moved")
        both = replace(options, endpoints=(*options.endpoints, *other.endpoints))
        store = await EtcdStore.open(both, new_incarnation=7)
        await store.commit(compares={}, puts={"a": b"1"})
        ours.members[0].kill()
        async with asyncio.timeout(DEADLINE_S):
            while "another one than was opened" not in await refusal(store):
                pass
        assert not other.etcdctl("get", "--prefix", "moved")
        await store.close()


async def refusal(store: EtcdStore) -> str:
    with pytest.raises(StoreUnavailable) as refused:
        await store.commit(compares={}, puts={"a": b"2"})
    return str(refused.value)


async def test_whoever_is_cancelled_anywhere_leaves_nothing_behind(
    store: EtcdStore, member: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither here nor at etcd: no key that goes with a lease, no watch. A lease nobody heard of ends by itself."""
    monkeypatch.setattr(election, "LEASE_S", 2)

    async def watch() -> None:
        async with aclosing(store.watch("", 0)) as commits:
            async for _ in commits:
                pass

    async def lead() -> None:
        async with store.campaign(f"e{chance.randrange(3)}", "one") as leadership:
            await leadership.over()

    async def write() -> None:
        await store.commit(compares={}, puts={"a": b"1"})

    async def no_lease_is_left() -> bool:
        return set(await asyncio.to_thread(member.leases)) <= leases

    chance, loop, leases = random.Random(1), asyncio.get_running_loop(), set(member.leases())
    before = len(asyncio.all_tasks())
    async with asyncio.timeout(DEADLINE_S):
        for _ in range(CANCELLED):
            tasks = [asyncio.create_task(one()) for one in (watch, lead, lead, write, lambda: store.list(""))]
            for task in tasks:
                loop.call_later(chance.uniform(0, LONGEST_S), task.cancel)
            await asyncio.wait(tasks)
            assert not [task for task in tasks if not task.cancelled() and task.exception()]
        await until(lambda: len(asyncio.all_tasks()) == before)
        assert (await store.list("election/")).entries == ()
        await until(lambda: member.watchers() == 0)
        await eventually(no_lease_is_left)


async def test_a_list_between_whose_pages_etcd_is_compacted_begins_anew(
    store: EtcdStore, member: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And says so in the end, where it is compacted each time."""
    monkeypatch.setattr(keyspace, "_PAGE", 1)
    await store.commit(compares={}, puts={"a": b"1", "b": b"1"})
    call, compactions = store.client.call, 1

    async def compacting(method: object, request: object, *, stale: bool = False) -> object:
        nonlocal compactions
        if compactions and getattr(request, "revision", 0):  # of a second page
            compactions -= 1
            revision = await store.commit(compares={}, puts={"a": b"2"})
            await asyncio.to_thread(member.etcdctl, "compact", str(revision))
        return await call(method, request, stale=stale)

    monkeypatch.setattr(store.client, "call", compacting)
    listing = await store.list("")
    assert [(entry.key, entry.value) for entry in listing.entries] == [("a", b"2"), ("b", b"1")]
    compactions = 9
    with pytest.raises(StoreUnavailable, match="compacted faster than it can be listed"):
        await store.list("")
