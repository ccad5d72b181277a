"""Several coordinators as processes: whichever of them dies, hangs or comes late, answers follow the servers."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator

import grpc
import pytest
import pytest_asyncio
from support.etcd import Cluster, members_of_module
from support.replicas import DNS_NAMES, NAMES, SERVERS, Replicas, drain, replicas, undrain

from gslb.api.v1 import admin_pb2 as pb
from gslb.api.v1.facts_pb2 import SCOPE_KIND_POOL, Latch, Scope
from gslb.cli.demo.children import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


members = members_of_module(3)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory, members: Cluster) -> AsyncIterator[Replicas]:
    async with replicas(tmp_path_factory.mktemp("replicas"), members) as running:
        yield running


async def test_who_was_told_of_one_coordinator_finds_all(world: Replicas) -> None:
    await world.until_whole(*NAMES)
    await world.lose_a_server()


async def test_a_killed_coordinator_is_not_missed_even_if_it_is_the_only_one_that_was_named(world: Replicas) -> None:
    await world.until_whole(*NAMES)
    world.children.kill("a")
    await world.lose_a_server()
    world.children.kill("dns-1", "agent")
    world.start_dns("dns-1")
    world.start_agent()
    await world.until_whole("b", "c")
    await world.lose_a_server()
    await world.start_coordinator("a")
    await world.until_whole(*NAMES)


async def test_a_hung_coordinator_is_not_missed(world: Replicas) -> None:
    world.signal("b", signal.SIGSTOP)
    try:
        await world.lose_a_server()
    finally:
        world.signal("b", signal.SIGCONT)
    await world.until_whole(*NAMES)


async def test_every_coordinator_takes_admin_calls_and_all_show_the_same_order(world: Replicas) -> None:
    for name in NAMES:
        await world.admins[name].SetOverride(drain(), timeout=5)
        await world.until_answered(SERVERS[1])
        await world.admins[name].ClearOverride(undrain(), timeout=5)
        await world.until_answered(*SERVERS)

    async def same() -> bool:
        found = [await world.status(name) for name in NAMES]
        return len({str(status and status.order) for status in found}) == 1

    await eventually("one order", same, children=world.children)


async def test_a_killed_leader_is_followed_by_another_that_does_its_work(world: Replicas) -> None:
    leader = await world.until_led("a")
    other = next(name for name in NAMES if name != leader)
    world.children.kill(leader)
    await world.admins[other].SetOverride(drain(duration_s=1), timeout=5)
    await world.until_answered(SERVERS[1])
    await world.until_led(other, not_by=leader)
    await world.until_answered(*SERVERS)  # the override ended
    await world.start_coordinator(leader)
    await world.until_whole(*NAMES)


async def test_an_old_leader_that_wakes_late_gives_up(world: Replicas) -> None:
    """Its lease is gone, though by its own clock it still leads; the order that others have made meanwhile stands."""
    leader = await world.until_led("a")
    other = next(name for name in NAMES if name != leader)
    world.signal(leader, signal.SIGSTOP)
    try:
        await world.depose(leader, other)
        await world.admins[other].SetOverride(drain(duration_s=3600), timeout=5)
        before = await world.status(other)
    finally:
        world.signal(leader, signal.SIGCONT)
    await world.answers(leader)
    assert await world.until_led(leader, not_by=leader) == await world.leader(other)
    await world.until_whole(*NAMES)
    after = await world.status(other)
    assert before is not None
    assert after is not None
    assert after.order == before.order
    assert list(after.overrides) == list(before.overrides)
    await world.admins[leader].ClearOverride(undrain(), timeout=5)
    await world.until_answered(*SERVERS)


async def test_a_trial_outlives_its_leader_and_every_coordinator_tells_the_same(world: Replicas) -> None:
    leader = await world.until_led("a")
    other = next(name for name in NAMES if name != leader)
    before = await world.status(other)
    assert before is not None
    revision = await world.apply(other, "rollout: {soak: 3s, first: dns-2}\n")

    async def served(by: str) -> dict[str, int]:
        status = await world.status(by)
        return {} if status is None else {server.name: server.order.config for server in status.dns_servers}

    async def on_trial() -> bool:
        return await served(other) == {"dns-1": before.order.config, "dns-2": revision}

    await eventually("the first dns server", on_trial, children=world.children)
    world.children.kill(leader)
    await world.lose_a_server()
    await world.depose(leader, other)

    async def released() -> bool:
        return set((await served(other)).values()) == {revision}

    await eventually("all dns servers", released, children=world.children)
    after = await world.status(other)
    assert after is not None
    assert (after.rollout.stage, after.order.config) == (pb.ROLLOUT_STAGE_RELEASED, revision)
    await world.start_coordinator(leader)
    await world.until_whole(*NAMES)


async def test_a_latch_outlives_its_leader_and_any_coordinator_ends_it(world: Replicas) -> None:
    leader = await world.until_led("a")
    third = next(name for name in NAMES if name != leader)
    lost, left = SERVERS
    await world.apply(third, "rollout: {soak: 0s}\n", failback="{after: 0s, mode: manual}")

    async def latch() -> Latch:
        """As the coordinator that stays says; empty where there is none."""
        status = await world.status(third)
        found = [member.latch for pool in status.pools for member in pool.members if member.name == "one"]
        return found[0]

    async def noted() -> bool:
        return (await latch()).revision > 0

    async def up_again() -> bool:
        return (await latch()).up_unix_s > 0

    world.children.kill(lost)
    await world.until_answered(left)
    await eventually("the latch", noted, children=world.children)
    before = await latch()
    world.children.kill(leader)
    second = await world.depose(leader, third)
    world.start_server(lost)
    await eventually("the member's return", up_again, children=world.children)
    assert (await latch()).revision == before.revision
    assert [await world.ask(name) for name in DNS_NAMES] == [{left}, {left}]

    other = next(name for name in NAMES if name not in (leader, second))
    scope = Scope(kind=SCOPE_KIND_POOL, name="web-eu")
    taken_back = await world.admins[other].Failback(
        pb.FailbackRequest(scopes=[scope], who="ann", why="mended"), timeout=5
    )
    assert [(one.member, one.revision) for one in taken_back.released] == [("one", before.revision)]
    await world.until_answered(*SERVERS)
    await world.start_coordinator(leader)
    await world.until_whole(*NAMES)
    assert not await noted()
    await world.apply(leader, "rollout: {soak: 0s}\n")


async def test_an_agent_that_is_gone_for_good_is_forgotten_by_all_whenever_they_hear_of_it(world: Replicas) -> None:
    """What it said last would take a server out as soon as no agent of the site is heard."""
    lost, left = SERVERS
    world.start_agent("old")
    await world.until_agents("eu/agent", "eu/old")
    world.children.kill("agent", lost)
    await world.until_answered(left)
    world.children.kill("old")
    world.start_server(lost)
    world.start_agent()
    await world.until_answered(*SERVERS)
    world.children.kill("agent")
    await world.until_answered(left)
    world.signal("c", signal.SIGSTOP)
    try:
        await world.forget("b", "eu/old")
        await world.until_answered(*SERVERS)
    finally:
        world.signal("c", signal.SIGCONT)
    world.children.kill("a", "dns-1")
    await world.start_coordinator("a")
    world.start_dns("dns-1")
    await world.until_answered(*SERVERS)
    world.start_agent()
    await world.until_whole(*NAMES)
    world.start_agent("old")
    await world.until_agents("eu/agent", "eu/old")
    world.children.kill("old")
    await world.forget("c", "eu/old")
    await world.until_whole(*NAMES)


async def test_without_a_majority_in_etcd_answers_follow_and_writes_say_why(world: Replicas, members: Cluster) -> None:
    for number in (0, 1):
        members.members[number].kill()
    try:
        await world.lose_a_server()
        for name in NAMES:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await world.admins[name].SetOverride(drain(), timeout=10)
            assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
            assert "etcd" in str(refused.value.details())
    finally:
        members.repair()

    async def written() -> bool:
        try:
            await world.admins["b"].SetOverride(drain(), timeout=10)
        except grpc.aio.AioRpcError:
            return False
        return True

    await eventually("the store's return", written, children=world.children, within_s=60)
    await world.until_answered(SERVERS[1])
    await world.admins["c"].ClearOverride(undrain(), timeout=5)
    await world.until_answered(*SERVERS)
    await world.until_whole(*NAMES)


async def test_a_new_coordinator_is_found_by_all(world: Replicas) -> None:
    await world.start_coordinator("d")
    await world.until_whole(*NAMES, "d")
    assert all([await world.ask(name) == set(SERVERS) for name in DNS_NAMES])
