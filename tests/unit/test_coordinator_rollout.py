"""One dns server gets a new configuration first; the others get it when that one has done well, or never."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import grpc
import pytest
from support.coordinators import DEADLINE_S, DOWN, UP, coordinator, files
from support.rollouts import NAMES, SOAKED, World, changed, dns_servers
from support.waiting import until

from gslb.api.v1 import admin_pb2 as pb
from gslb.coordinator import parts
from gslb.core import rollout as core


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Three dns servers that serve revision 1."""
    async with coordinator(tmp_path) as running:
        await running.applied(files(SOAKED))
        async with dns_servers(running, *NAMES) as told:
            made = World(running, told)
            await until(lambda: made.revisions == [1, 1, 1])
            yield made


async def test_the_first_one_has_it_alone_until_it_has_done_well(world: World) -> None:
    applied = await world.running.applied(changed(20))
    assert applied.order.config == 2
    await until(lambda: world.revisions == [1, 2, 1])
    rollout = await world.rollout()
    assert (rollout.stage, rollout.revision, rollout.first) == (pb.ROLLOUT_STAGE_TRIAL, 2, "ns2")
    assert (rollout.in_force, rollout.soak_s, rollout.dns_servers) == (1, 1, 3)
    assert world.running.count("on_trial") == 1
    assert (await world.until_ended()).stage == pb.ROLLOUT_STAGE_RELEASED
    await until(lambda: world.revisions == [2, 2, 2])
    status = await world.running.status()
    assert (status.order.config, status.rollout.in_force, list(status.alarms)) == (2, 2, site_alarms())
    assert world.running.count("rollouts_total", outcome="released") == 1
    assert world.running.count("on_trial") == 0


def site_alarms() -> list[str]:
    return [f"site {name}: no agent has been heard" for name in ("us", "eu")]


@pytest.mark.parametrize(
    ("failing", "reason"),
    [
        ({"refuses": "too large"}, "it refused it: too large"),
        ({"trouble": "no answer"}, "it asked itself: no answer"),
        ({"silent": True}, "no coordinator h"),
        ({"decision": b"other"}, "it decided otherwise"),
    ],
)
async def test_what_does_not_do_well_is_rolled_back_and_never_reaches_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: Mapping[str, object], reason: str
) -> None:
    monkeypatch.setattr(parts, "SETTLE_S", 0.0)  # so that decisions are compared at once
    monkeypatch.setattr(core, "DIFFERS_AFTER_S", 1.0)
    if "silent" in failing:
        monkeypatch.setattr(core, "SILENT_AFTER_S", 2.5)
        monkeypatch.setattr(core, "UNWATCHED_AFTER_S", 1.0)
        monkeypatch.setattr(core, "FOUND_AFTER_S", 2.0)
    slow = SOAKED.replace("1s", "10s")
    async with coordinator(tmp_path) as running:
        await running.applied(files(slow))
        async with dns_servers(running, *NAMES) as told:
            world = World(running, told)
            await until(lambda: world.revisions == [1, 1, 1])
            for name, value in failing.items():
                setattr(told["ns2"], name, value)
            await running.applied(changed(20, slow))
            rollout = await world.until_ended()
            assert rollout.stage == pb.ROLLOUT_STAGE_ROLLED_BACK
            assert reason in rollout.reason
            assert (rollout.revision, rollout.in_force) == (2, 3)
            await until(lambda: world.revisions == [3, 3, 3])
            snapshots = [await one.server.fetch() for one in told.values()]
            assert all(one.model.endpoints == snapshots[0].model.endpoints for one in snapshots)
            assert "192.0.2.20" not in str(snapshots[0].model.endpoints)
            listed = await running.admin.ListConfigs(pb.ListConfigsRequest(), timeout=DEADLINE_S)
            assert listed.in_force == 3
            assert listed.configs[0].message == "as revision 1: 2 is rolled back"
            alarms = (await running.status()).alarms
            assert any(one.startswith("configuration 2 was rolled back, dns server ns2 had it first") for one in alarms)
            assert running.count("rollouts_total", outcome="rolled_back") == 1
            told["ns2"].silent, told["ns2"].refuses, told["ns2"].trouble, told["ns2"].decision = False, "", "", None
            await running.applied(changed(30))
            assert (await world.until_ended()).stage == pb.ROLLOUT_STAGE_RELEASED
            await until(lambda: world.revisions == [4, 4, 4])
            assert not any("rolled back" in one for one in (await running.status()).alarms)


async def test_serials_never_fall_over_a_roll_back(world: World) -> None:
    serials = [max((await world.told["ns2"].server.fetch()).serials.values())]
    for text in (SOAKED.replace('"one"', '"two"'), SOAKED.replace('"one"', '"three"')):
        await world.running.applied(files(text.replace("1s", "10s")))
        revision = (await world.rollout()).revision
        await until(lambda revision=revision: world.told["ns2"].revision == revision)
        serials.append(max((await world.told["ns2"].server.fetch()).serials.values()))
        await world.end(revision, release=False)
        await until(lambda revision=revision: world.revisions == [revision + 1] * 3)
        serials.append(max((await world.told["ns2"].server.fetch()).serials.values()))
    assert serials == sorted(set(serials))


async def test_operators_end_a_trial_before_its_time(world: World) -> None:
    slow = SOAKED.replace("1s", "100s")
    await world.running.applied(changed(20, slow))
    released = await world.end(2, release=True)
    assert (released.stage, released.who, released.reason) == (pb.ROLLOUT_STAGE_RELEASED, "ann", "in a hurry")
    await until(lambda: world.revisions == [2, 2, 2])
    await world.running.applied(changed(30, slow))
    await until(lambda: world.revisions == [2, 3, 2])
    aborted = await world.end(3, release=False)
    assert (aborted.stage, aborted.in_force) == (pb.ROLLOUT_STAGE_ROLLED_BACK, 4)
    await until(lambda: world.revisions == [4, 4, 4])
    assert list((await world.running.status()).alarms) == site_alarms()
    audit = await world.running.admin.GetAudit(pb.GetAuditRequest(limit=2), timeout=DEADLINE_S)
    assert [entry.action for entry in audit.entries] == ["roll back", "apply"]
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await world.end(3, release=True)
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_while_one_is_on_trial_no_other_is_taken_unless_in_an_emergency(world: World) -> None:
    slow = SOAKED.replace("1s", "100s")
    await world.running.applied(changed(20, slow))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await world.running.apply(changed(30, slow))
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "`gslb rollout abort`" in str(refused.value.details())
    assert (await world.running.applied(changed(20, slow))).unchanged
    assert (await world.running.applied(changed(30, slow), dry_run=True)).order.config == 3
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await world.running.apply(changed(30, slow), expected_revision=1, now=True)
    assert refused.value.code() is grpc.StatusCode.ABORTED
    await until(lambda: world.revisions == [1, 2, 1])
    await world.running.applied(changed(30, slow), now=True)
    await until(lambda: world.revisions == [3, 3, 3])
    assert (await world.rollout()).stage == pb.ROLLOUT_STAGE_RELEASED


async def test_the_same_to_all_at_once_ends_its_trial(world: World) -> None:
    slow = SOAKED.replace("1s", "100s")
    await world.running.applied(changed(20, slow))
    assert (await world.running.applied(changed(20, slow), now=True)).unchanged
    await until(lambda: world.revisions == [2, 2, 2])


async def test_reports_and_overrides_go_to_all_while_one_is_on_trial(world: World) -> None:
    async with world.running.agent("us/a") as agent:
        await world.running.applied(changed(20, SOAKED.replace("1s", "100s")))
        await until(lambda: world.revisions == [1, 2, 1])
        for state in (UP, DOWN):
            report = await agent.report(UP, state)
            for told in world.told.values():
                await told.server.until(lambda told=told, report=report: report in told.server.facts.reports.values())
        first, other = [await world.told[name].server.fetch() for name in ("ns2", "ns1")]
        assert report.layout in {layout.digest for layout in first.layouts} & {one.digest for one in other.layouts}


async def test_it_goes_on_where_it_was_after_a_restart(tmp_path: Path) -> None:
    slow = SOAKED.replace("1s", "100s")
    async with coordinator(tmp_path) as running:
        await running.applied(files(slow))
        async with dns_servers(running, *NAMES) as told:
            await running.applied(changed(20, slow))
            await until(lambda: [told[name].revision for name in NAMES] == [1, 2, 1])
    async with coordinator(tmp_path) as running, dns_servers(running, *NAMES) as told:
        world = World(running, told)
        await until(lambda: world.revisions == [1, 2, 1])
        assert (await world.rollout()).stage == pb.ROLLOUT_STAGE_TRIAL
        await world.end(2, release=True)
        await until(lambda: world.revisions == [2, 2, 2])


@pytest.mark.parametrize("names", [("ns1",), ()])
async def test_where_there_is_one_dns_server_or_none_it_is_in_force_at_once(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    async with coordinator(tmp_path) as running:
        await running.applied(files(SOAKED))
        async with dns_servers(running, *names) as told:
            await running.applied(changed(20))
            rollout = await World(running, told).rollout()
            assert (rollout.stage, rollout.first, rollout.in_force) == (pb.ROLLOUT_STAGE_RELEASED, "", 2)
            await until(lambda: all(one.revision == 2 for one in told.values()))


async def test_after_a_start_an_apply_waits_for_the_dns_servers_to_come_back(tmp_path: Path) -> None:
    async with coordinator(tmp_path) as running:
        await running.applied(files(SOAKED))
    async with coordinator(tmp_path) as running:
        applying = asyncio.create_task(running.applied(changed(20)))
        async with dns_servers(running, "ns1") as told:
            await until(lambda: told["ns1"].revision == 1)
            assert not applying.done()
            async with dns_servers(running, "ns2"):
                assert (await applying).order.config == 2
                rollout = await World(running, told).rollout()
                assert (rollout.stage, rollout.first) == (pb.ROLLOUT_STAGE_TRIAL, "ns2")


@pytest.mark.parametrize("offer", [{"now": True}, {"dry_run": True}])
async def test_what_needs_no_trial_does_not_wait(tmp_path: Path, offer: dict[str, bool]) -> None:
    async with coordinator(tmp_path) as running:
        await running.applied(files(SOAKED))
    async with coordinator(tmp_path) as running, dns_servers(running, "ns1"):
        assert (await running.applied(changed(20), **offer)).order.config == 2


async def test_it_waits_no_longer_than_it_takes_to_settle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with coordinator(tmp_path) as running:
        await running.applied(files(SOAKED))
    monkeypatch.setattr(parts, "SETTLE_S", 0.5)
    async with coordinator(tmp_path) as running, dns_servers(running, "ns1") as told:
        assert (await running.applied(changed(20))).order.config == 2
        assert (await World(running, told).rollout()).stage == pb.ROLLOUT_STAGE_RELEASED
