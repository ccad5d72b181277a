"""What agents reported last survives the coordinator, and never stands above what they say now."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from support.coordinators import DOWN, UP, Running, coordinator
from support.hubs import US1, Clock, make_hub, publication, reporting
from support.waiting import eventually, until

from gslb.api.v1.admin_pb2 import GetStatusResponse
from gslb.coordinator.relay import memory
from gslb.coordinator.relay.memory import Memory
from gslb.core.facts import AgentId


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "KEEP_EVERY_S", 0.02)


def verdicts(status: GetStatusResponse) -> dict[str, str]:
    return {member.name: member.verdict for pool in status.pools for member in pool.members}


async def report_and_stop(folder: Path) -> Path:
    """One server at us is down, the agent says so, then agent and coordinator end; where that is kept."""
    path = folder / "coordinator" / "reports"
    async with coordinator(folder) as running, running.dns_server("d") as dns:
        await running.applied()
        async with running.agent("us/a1") as agent:
            report = await agent.report(UP, DOWN)
            await dns.until(lambda: report in dns.updates)
            await until(path.exists)
    return path


async def is_down(running: Running) -> bool:
    return verdicts(await running.status())["us2"] == "down"


async def test_verdicts_of_an_agent_that_is_gone_are_there_after_a_restart(tmp_path: Path) -> None:
    await report_and_stop(tmp_path)
    async with coordinator(tmp_path) as running, running.dns_server("d") as dns:
        await dns.until(lambda: AgentId("us/a1") in dns.facts.reports)
        assert await is_down(running)
        async with running.agent("us/a1", boot=2) as agent:
            await agent.report(UP, UP)
            await eventually(lambda: is_up(running))


@pytest.mark.parametrize(("start", "off_s"), [("one", 100.0), ("another", 0.0), ("", 0.0)])
async def test_how_long_an_agent_has_been_silent_is_not_forgotten(tmp_path: Path, start: str, off_s: float) -> None:
    """Over a start of the machine the time in between is not known, whatever a wall clock says."""
    clock, path = Clock(), tmp_path / "reports"
    first = reporting(clock, US1)
    memory = Memory(path, first, clock, start and "one")
    keeping = asyncio.create_task(memory.run())
    clock.now_s += 4
    assert first.presence.silent_s() == {US1: 0.0}
    clock.now_s += 20
    await until(path.exists)
    keeping.cancel()
    clock.now_s += 100
    second = make_hub(clock, settle_s=10.0)
    second.publish(publication(1, "us"))
    await Memory(path, second, clock, start).recall()
    clock.now_s += 10
    assert second.presence.silent_s() == {US1: 20.0 + off_s + 10.0}


async def is_up(running: Running) -> bool:
    return not await is_down(running)


@pytest.mark.parametrize("damage", [b"", b"x", None])
async def test_a_damaged_file_is_no_reason_not_to_start(tmp_path: Path, damage: bytes | None) -> None:
    path = await report_and_stop(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[:-1] if damage is None else damage)
    async with coordinator(tmp_path) as running:
        assert not await is_down(running)
        async with running.agent("us/a1", boot=2) as agent:
            await agent.report(UP, DOWN)
            await eventually(lambda: is_down(running))


async def test_a_site_that_is_no_more_is_not_recalled(tmp_path: Path) -> None:
    path = await report_and_stop(tmp_path)
    content = path.read_bytes()
    async with coordinator(tmp_path / "other") as running:
        assert not (await running.status()).sites
    (tmp_path / "other" / "coordinator" / "reports").write_bytes(content)
    async with coordinator(tmp_path / "other") as running, running.dns_server("d") as dns:
        await running.applied()
        await dns.until(lambda: bool(dns.manifest))
        assert AgentId("us/a1") not in dns.facts.reports
