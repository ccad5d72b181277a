"""Several coordinators: who there is, who leads and what that one alone may write, what they tell each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import cast

import pytest
from prometheus_client import CollectorRegistry
from support.hubs import US1, US2, Clock, make_hub, publication, register, reporting
from support.waiting import until

from gslb.api.v1.discovery_pb2 import Beat
from gslb.api.v1.peering_pb2_grpc import PeeringServicer, add_PeeringServicer_to_server
from gslb.coordinator.admin.directives import KEY, DirectivesKeeper
from gslb.coordinator.admin.overrides import Overrides
from gslb.coordinator.audit.entry import Note
from gslb.coordinator.callers import Caller
from gslb.coordinator.metrics import Metrics
from gslb.coordinator.peers.holding import hold
from gslb.coordinator.peers.listener import Listener
from gslb.coordinator.peers.peering import PeeringService
from gslb.coordinator.peers.roster import LEADER, LEADERLESS_S, LINGER_S, LISTED, Roster
from gslb.coordinator.refusals import Refusals
from gslb.coordinator.relay.hub import Hub
from gslb.coordinator.relay.outbox import Outbox
from gslb.core.directives import Action, Override, Scope, ScopeKind
from gslb.core.errors import Conflict, StoreUnavailable
from gslb.runtime import rpc
from gslb.runtime.clock import monotonic_s
from gslb.runtime.tls import LOOPBACK_ONLY
from gslb.store.base import ELECTIONS, Event, Listing
from gslb.store.embedded import EmbeddedStore
from gslb.store.leadership import Leadership

CALLER = Caller(identity=None, peer="")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    opened = await EmbeddedStore.open(tmp_path / "store.db", new_incarnation=7)
    yield opened
    await opened.close()


@asynccontextmanager
async def beside(work: Coroutine[object, object, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.wait([task])


def ignore(_: tuple[str, ...]) -> None:
    pass


async def test_coordinators_find_each_other_in_the_store(store: EmbeddedStore) -> None:
    one, two = (Roster(store, name, monotonic_s) for name in ("one", "two"))
    lists: list[tuple[str, ...]] = []
    async with beside(one.run("h1:7400", lists.append)):
        await until(lambda: lists[-1:] == [("h1:7400",)])
        async with beside(two.run("h2:7400", ignore)):
            await until(lambda: lists[-1:] == [("h1:7400", "h2:7400")])
            await until(lambda: two.addresses == {"one": "h1:7400", "two": "h2:7400"})


async def test_one_that_leaves_the_list_counts_for_a_while_more(store: EmbeddedStore) -> None:
    """The end of a lease says little: only streams tell who is alive."""
    clock = Clock()
    one, two, three = (Roster(store, name, clock) for name in ("one", "two", "three"))
    lists: list[tuple[str, ...]] = []
    async with beside(one.run("h1:1", lists.append)):
        async with beside(two.run("h2:1", ignore)):
            await until(lambda: lists[-1:] == [("h1:1", "h2:1")])
        async with beside(three.run("h3:1", ignore)):
            await until(lambda: lists[-1] == ("h1:1", "h2:1", "h3:1"))
            clock.now_s += LINGER_S + 0.1
            await until(lambda: lists[-1] == ("h1:1", "h3:1"))


async def test_without_a_majority_the_list_begins_as_one_member_has_it(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, listed = Roster(store, "one", monotonic_s), EmbeddedStore.list
    await store.commit(compares={}, puts={f"{ELECTIONS}{LISTED}two": b"h2:1", f"{ELECTIONS}{LEADER}": b"two"})

    async def only_stale(store: EmbeddedStore, prefix: str, *, stale: bool = False) -> Listing:
        if not stale:
            raise StoreUnavailable("no majority")
        return await listed(store, prefix)

    monkeypatch.setattr(EmbeddedStore, "list", only_stale)
    lists: list[tuple[str, ...]] = []
    async with beside(one.run("h1:1", lists.append)):
        await until(lambda: bool(lists))
        assert (lists, one.leader) == ([("h2:1",)], "")
        monkeypatch.undo()
        await until(lambda: one.leader == "two")


async def test_without_the_store_nobody_is_said_to_lead(store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> Listing:
        raise StoreUnavailable("no majority")

    async def unwatched(*_: object) -> AsyncIterator[tuple[Event, ...]]:
        raise StoreUnavailable("no majority")
        yield ()

    monkeypatch.setattr(EmbeddedStore, "watch", unwatched)
    await store.commit(compares={}, puts={f"{ELECTIONS}{LEADER}": b"two"})
    roster = Roster(store, "one", monotonic_s)
    async with beside(roster.run(None, ignore)):
        await until(lambda: roster.leader == "two")
        with monkeypatch.context() as broken:
            broken.setattr(EmbeddedStore, "list", away)
            await until(lambda: roster.leader == "")
        await until(lambda: roster.leader == "two")


async def test_that_nobody_leads_for_long_is_told(store: EmbeddedStore) -> None:
    now_s = 0.0
    roster, leader = Roster(store, "one", lambda: now_s), f"{ELECTIONS}{LEADER}"
    await store.commit(compares={}, puts={leader: b"two"})
    async with beside(roster.run(None, ignore)):
        await until(lambda: roster.leader == "two")
        now_s = 100.0
        assert roster.troubles() == ()
        await store.commit(compares={}, puts={}, deletes=[leader])
        await until(lambda: roster.leader == "")
        now_s += LEADERLESS_S
        assert roster.troubles() == ()
        now_s += 5
        (told,) = roster.troubles()
        assert told.startswith("no coordinator leads for 35 s")
        await store.commit(compares={}, puts={leader: b"two"})
        await until(lambda: roster.troubles() == ())


async def test_two_of_one_name_are_told(store: EmbeddedStore) -> None:
    one, other = Roster(store, "one", monotonic_s), Roster(store, "one", monotonic_s)
    async with beside(one.run("h1:1", ignore)):
        await until(lambda: bool(one.addresses))
        async with beside(other.run("h2:1", ignore)):
            await until(lambda: bool(other.troubles()))
            assert "listed at h1:1, this one is at h2:1" in other.troubles()[0]
            assert one.troubles() == ()


async def test_what_others_write_into_the_list_cannot_make_it_long(store: EmbeddedStore) -> None:
    roster = Roster(store, "one", monotonic_s)
    strange = {f"{ELECTIONS}{LISTED}x{number}": b"h:1" for number in range(40)}
    await store.commit(compares={}, puts={**strange, f"{ELECTIONS}{LISTED}long": b"h" * 1_000})
    lists: list[tuple[str, ...]] = []
    async with beside(roster.run(None, lists.append)):
        await until(lambda: bool(lists))
        assert len(roster.addresses) == 9
        assert set(lists) == {("h:1",)}


async def test_one_leads_at_a_time_and_the_others_know_who(store: EmbeddedStore) -> None:
    roster, leading = Roster(store, "spectator", monotonic_s), list[str]()

    async def lead(name: str, leadership: Leadership) -> None:
        leading.append(name)
        try:
            await leadership.over()
        finally:
            leading.remove(name)

    async with beside(roster.run(None, ignore)), beside(hold(store, LEADER, "two", partial(lead, "two"))):
        await until(lambda: roster.leader == "two")
        async with beside(hold(store, LEADER, "three", partial(lead, "three"))):
            await until(lambda: leading == ["two"])
    assert not leading


async def test_the_next_one_leads_when_one_ends(store: EmbeddedStore) -> None:
    roster = Roster(store, "spectator", monotonic_s)
    async with beside(roster.run(None, ignore)):
        async with beside(hold(store, LEADER, "one", Leadership.over)):
            await until(lambda: roster.leader == "one")
            waiting = asyncio.create_task(hold(store, LEADER, "two", Leadership.over))
        await until(lambda: roster.leader == "two")
        waiting.cancel()
        await asyncio.wait([waiting])
        await until(lambda: roster.leader == "")


async def test_an_old_leader_that_wakes_late_writes_nothing(store: EmbeddedStore) -> None:
    hub = make_hub(Clock())
    keeper = DirectivesKeeper(store, hub, lambda: 1_000)
    overrides = Overrides(keeper, hub, Metrics(CollectorRegistry()), lambda: 1_000)
    scope = Scope(ScopeKind.SITE, "us")
    over = Override(scope=scope, action=Action.DRAIN, who="ann", why="work", since_unix_s=1, until_unix_s=999)
    await overrides.set(over, Note(who="ann", peer="", action="drain", what="site us"))
    async with store.campaign(LEADER, "old") as leadership:
        await store.commit(compares=leadership.fence, puts={ELECTIONS + LEADER: b"new"})
        before = await store.get(KEY)
        with pytest.raises(Conflict):
            await overrides.end_expired(leadership.fence)
        assert await store.get(KEY) == before
        assert hub.directives.overrides == (over,)
    async with store.campaign(LEADER, "new") as leadership:
        await overrides.end_expired(leadership.fence)
    assert hub.directives.overrides == ()


@asynccontextmanager
async def listening(to: Hub, hub: Hub) -> AsyncIterator[None]:
    """`hub` hears what `to` tells, over gRPC."""
    metrics = Metrics(CollectorRegistry())
    server = rpc.server(Refusals(metrics))
    add_PeeringServicer_to_server(cast("PeeringServicer", PeeringService(to, metrics, lambda _: CALLER)), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    listener = Listener("two", "127.0.0.1:1", hub, metrics, LOOPBACK_ONLY)
    listener.meet((f"127.0.0.1:{port}", "127.0.0.1:1"))
    try:
        async with beside(listener.run()), beside(beating(to)):
            yield
    finally:
        await server.stop(None)


async def beating(hub: Hub) -> None:
    while True:
        hub.beat()
        await asyncio.sleep(0.02)


def two_hubs() -> tuple[Hub, Hub]:
    """Of which the first hears an agent."""
    clock = Clock()
    return reporting(clock, US1), reporting(clock)


async def test_what_an_agent_reports_to_one_coordinator_all_dns_servers_are_told_at_once() -> None:
    one, two = two_hubs()
    async with listening(one, two):
        await until(lambda: US1 in two.facts.reports)
        with two.subscribed("d") as outbox:
            while outbox.pop() is not None:
                pass
            one.report(register(US1, 2, b"\x0a"))
            assert (await outbox.next()).facts.reports[0].states == b"\x0a"


async def test_an_agent_that_another_coordinator_hears_is_not_silent() -> None:
    one, two = two_hubs()
    async with listening(one, two):
        await until(lambda: US1 in two.facts.reports)
        await until(lambda: two.presence.heard() == {US1})
        assert two.presence.silent() == frozenset()
        with two.overheard() as peer, two.subscribed("d") as dns:
            two.beat()
            assert [list(beat.heard) for beat in beats(dns)] == [[US1]]
            assert [list(beat.heard) for beat in beats(peer)] == [[]]
    assert two.presence.silent() == {US1}, "with the stream goes what was heard over it"


async def test_how_long_an_agent_has_been_silent_is_learnt_from_who_has_known_it_for_longer() -> None:
    clock = Clock()
    one, two = reporting(clock, US1), make_hub(clock, settle_s=100.0)
    two.publish(publication(1, "us"))
    clock.now_s += 4
    assert one.presence.silent_s() == {US1: 0.0}
    clock.now_s += 60
    async with listening(one, two):
        await until(lambda: US1 in two.facts.reports)
        one.beat()
        await until(lambda: bool(two.peers.silent_s()))
        assert two.presence.silent_s() == {}, "it has only just started"
        clock.now_s += 40
        assert two.presence.silent_s() == {US1: 100.0}


def beats(outbox: Outbox) -> list[Beat]:
    return [message.beat for message in iter(outbox.pop, None) if message.HasField("beat")]


async def test_what_is_missing_is_asked_for_when_digests_differ() -> None:
    one, two = reporting(Clock(), US1), make_hub(Clock())
    async with listening(one, two):
        await until(lambda: bool(two.peers.orders))
        assert not two.facts.reports, "of a site that is not known there yet"
        two.publish(publication(1, "us"))
        two.hello(US2, "1")
        two.report(register(US2))
        await until(lambda: two.facts.reports.keys() == {US1, US2})


async def test_a_restarted_coordinator_calls_nobody_silent_before_it_has_settled() -> None:
    clock = Clock()
    hub = make_hub(clock, settle_s=10.0)
    hub.publish(publication(1, "us"))
    hub.relay([register(US1)])
    with hub.subscribed("d") as outbox:
        hub.beat()
        assert [beat.settling for beat in beats(outbox)] == [True]
        clock.now_s += 9.9
        assert hub.presence.silent() == frozenset()
        clock.now_s += 0.1
        assert hub.presence.silent() == {US1}
        hub.beat()
        assert [beat.settling for beat in beats(outbox)] == [False]


def test_registers_of_unknown_sites_are_not_taken_from_others() -> None:
    hub = make_hub(Clock())
    hub.relay([register(US1)])
    assert not hub.facts.reports
    hub.publish(publication(1, "eu"))
    hub.relay([register(US1)])
    assert not hub.facts.reports
