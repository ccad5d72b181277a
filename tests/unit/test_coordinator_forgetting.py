"""Agents that were taken out of service: forgotten everywhere and for good, never by mistake, back when they are."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from click.testing import CliRunner, Result
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs
from support.coordinators import DOWN, UP, Running, coordinator
from support.hubs import US1, US2, Clock, register, reporting
from support.waiting import eventually, until

from gslb.api.v1 import admin_pb2 as pb
from gslb.cli.main import main
from gslb.coordinator.admin import forgetting
from gslb.coordinator.relay import agents
from gslb.coordinator.relay.hub import Hub
from gslb.core.directives import Directives, ForgottenAgent
from gslb.core.facts import AgentId

Code = grpc.StatusCode


def forgetting_us1(boot: int, revision: int = 1) -> Directives:
    return Directives(revision=revision, forgotten=(ForgottenAgent(agent=US1, boot=boot, since_unix_s=1),))


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def hub(registry: CollectorRegistry) -> Hub:
    """Has heard two agents, the first of them long ago."""
    clock = Clock()
    hub = reporting(clock, US1, US2, registry=registry)
    clock.now_s += 10
    hub.report(register(US2, 2))
    return hub


def test_a_register_that_somebody_still_tells_of_finds_no_place(hub: Hub, registry: CollectorRegistry) -> None:
    hub.direct(forgetting_us1(boot=1))
    hub.relay([register(US1, 99)])
    assert (set(hub.facts.reports), hub.agents.all()) == ({US2}, (US2,))
    assert registry.get_sample_value("gslb_coordinator_relayed_total", {"outcome": "forgotten"}) == 1


def test_a_start_since_then_counts_at_once_and_stays(hub: Hub) -> None:
    hub.relay([register(US1, boot=2)])
    hub.direct(forgetting_us1(boot=1))
    assert hub.facts.reports[US1].boot == 2
    hub.direct(forgetting_us1(boot=2, revision=2))
    hub.hello(US1, "1")
    hub.report(register(US1, boot=3))
    assert hub.facts.reports[US1].boot == 3


def test_whoever_was_only_cut_off_is_heard_and_counts_once_it_is_forgotten_no_more(hub: Hub) -> None:
    hub.direct(forgetting_us1(boot=1))
    assert hub.hello(US1, "1")
    assert hub.report(register(US1, 50))
    assert US1 in hub.presence.heard()
    assert US1 not in hub.facts.reports
    hub.direct(Directives(revision=2))
    assert hub.report(register(US1, 51))
    assert US1 in hub.facts.reports


def test_whoever_hung_on_its_stream_is_told_to_connect_again(hub: Hub) -> None:
    hub.direct(forgetting_us1(boot=1))
    assert not hub.report(register(US1, 50))
    assert US1 not in hub.presence.heard()


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Coordinators that have been up for a while."""
    monkeypatch.setattr("gslb.coordinator.parts.SETTLE_S", 0.0)


@pytest.fixture
async def running(tmp_path: Path, settled: None) -> AsyncIterator[Running]:
    async with coordinator(tmp_path) as started:
        await started.applied()
        await until(lambda: started.count("leads") == 1)
        yield started


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Agents of which nothing is heard for a moment are silent."""
    monkeypatch.setattr(agents, "SILENT_AFTER_S", 0.05)


async def forget(running: Running, agent: str) -> pb.ForgetAgentResponse:
    return await running.admin.ForgetAgent(pb.ForgetAgentRequest(agent=agent, why="returned"))


async def refusal(running: Running, agent: str) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await forget(running, agent)
    return error.value.code(), error.value.details() or ""


async def verdict(running: Running, member: str) -> str:
    pools = (await running.status()).pools
    return next(found.verdict for pool in pools for found in pool.members if found.name == member)


async def listed(running: Running) -> dict[str, pb.AgentStatus]:
    return {agent.agent: agent for site in (await running.status()).sites for agent in site.agents}


async def until_reported(running: Running, agent: str) -> None:
    async def has() -> bool:
        return (await listed(running))[agent].sequence > 0

    await eventually(has)


async def until_silent(running: Running, *names: str) -> None:
    async def are() -> bool:
        found = await listed(running)
        return all(found[name].silent for name in names)

    await eventually(are)


async def leave(running: Running) -> None:
    """Two agents of site us report and are heard no more; the second has seen us1 down."""
    for name, us1 in (("us/a1", UP), ("us/a2", DOWN)):
        async with running.agent(name) as agent:
            await agent.report(us1, UP)
            await until_reported(running, name)
    await until_silent(running, "us/a1", "us/a2")
    assert await verdict(running, "us1") == "down"


async def has_alarm(running: Running, agent: str) -> bool:
    return any(f"agent {agent} is silent" in alarm for alarm in (await running.status()).alarms)


@pytest.mark.usefixtures("impatient")
async def test_what_it_said_last_counts_no_more(running: Running) -> None:
    async with running.dns_server("d") as dns:
        await leave(running)
        await eventually(lambda: has_alarm(running, "us/a2"))
        answer = await forget(running, "us/a2")
        assert (answer.forgotten.agent, answer.forgotten.boot) == ("us/a2", 1)
        assert (await listed(running)).keys() == {"us/a1"}
        assert await verdict(running, "us1") == "up"
        assert not await has_alarm(running, "us/a2")
        await dns.until(lambda: [one.agent for one in dns.directives.forgotten] == ["us/a2"])
    entries = (await running.admin.GetAudit(pb.GetAuditRequest())).entries
    assert [(one.what, one.after.directive) for one in entries if one.action == "forget"] == [
        ("agent us/a2: returned", answer.order.directive)
    ]


@pytest.mark.usefixtures("impatient", "settled")
async def test_a_coordinator_that_was_away_meanwhile_does_not_bring_it_back(tmp_path: Path) -> None:
    path = tmp_path / "coordinator" / "reports"
    async with coordinator(tmp_path) as running:
        await running.applied()
        await leave(running)
        await until(lambda: path.exists() and b"us/a2" in path.read_bytes())
        kept = path.read_bytes()
        await forget(running, "us/a2")
    path.write_bytes(kept)
    async with coordinator(tmp_path) as running:
        assert (await listed(running)).keys() == {"us/a1"}
        assert running.count("relayed_total", outcome="forgotten") == 1


async def test_nobody_is_forgotten_by_mistake(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running.agent("us/a1") as us:
        await us.report(UP, UP)
        await until_reported(running, "us/a1")
        assert await refusal(running, "us/a1") == (
            Code.FAILED_PRECONDITION,
            "agent us/a1 is being heard: stop it, wait 3 s, then forget it",
        )
    assert await refusal(running, "us/a2") == (Code.NOT_FOUND, "no agent 'us/a2' is known: did you mean `us/a1`?")
    monkeypatch.setattr(agents, "SILENT_AFTER_S", 0.05)
    await until_silent(running, "us/a1")
    code, text = await refusal(running, "us/a1")
    assert code is Code.FAILED_PRECONDITION
    assert "agent us/a1 is the last one of site us" in text
    assert (await listed(running)).keys() == {"us/a1"}


async def test_a_coordinator_that_has_just_started_forgets_nobody(tmp_path: Path) -> None:
    async with coordinator(tmp_path) as running:
        await running.applied()
        code, text = await refusal(running, "us/a1")
    assert code is Code.FAILED_PRECONDITION
    assert "only just started" in text


@pytest.mark.usefixtures("impatient")
async def test_the_last_one_of_a_site_without_members_and_one_that_never_reported(running: Running) -> None:
    async with running.agent("witness/w") as witness:
        await witness.report()
        await until_reported(running, "witness/w")
    async with running.agent("us/mute"):
        pass
    await until_silent(running, "witness/w", "us/mute")
    assert (await forget(running, "witness/w")).forgotten.boot == 1
    assert (await forget(running, "us/mute")).forgotten.boot == 0
    assert not await listed(running)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("boot", [1, 2], ids=["cut off for long", "started anew"])
async def test_whoever_comes_back_counts_again(running: Running, boot: int, monkeypatch: pytest.MonkeyPatch) -> None:
    await leave(running)
    await forget(running, "us/a2")
    monkeypatch.setattr(agents, "SILENT_AFTER_S", 60.0)
    async with running.dns_server("d") as dns, running.agent("us/a2", boot) as back:
        await back.report(DOWN, UP, sequence=10)
        await dns.until(lambda: dns.directives.revision == 2)
        assert dns.directives.forgotten == ()
        await back.report(DOWN, UP, sequence=11)
        await dns.until(lambda: AgentId("us/a2") in dns.facts.reports)
        assert await verdict(running, "us1") == "down"
    entries = (await running.admin.GetAudit(pb.GetAuditRequest())).entries
    assert [(one.who, one.what) for one in entries if one.action == "remember"] == [("coordinator", "us/a2")]


@pytest.mark.usefixtures("impatient")
async def test_the_list_stays_small(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "MAX_FORGOTTEN", 2)
    async with running.dns_server("d") as dns:
        for number, name in enumerate(("us/c", "us/b", "us/a")):
            monkeypatch.setenv("GSLB_WALL_OFFSET_S", str(number))
            async with running.agent(name):
                pass
            await until_silent(running, name)
            await forget(running, name)
        await dns.until(lambda: dns.directives.revision == 3)
        assert [one.agent for one in dns.directives.forgotten] == ["us/a", "us/b"]
        monkeypatch.setenv("GSLB_WALL_OFFSET_S", str(forgetting.KEEP_S + 100))
        await dns.until(lambda: dns.directives.forgotten == ())


@pytest.mark.usefixtures("impatient")
async def test_the_command(running: Running) -> None:
    await leave(running)
    refused = await gslb(running, "us/b1")
    assert (refused.exit_code, refused.output) == (1, "Error: no agent 'us/b1' is known: did you mean `us/a1`?\n")
    told = await gslb(running, "us/a1", "--why", "returned")
    assert told.output == "agent us/a1: forgotten up to boot 1, directive revision 1\n"
    async with running.agent("us/mute"):
        pass
    await until_silent(running, "us/mute")
    told = await gslb(running, "us/mute", "--json")
    assert json.loads(told.output)["forgotten"]["agent"] == "us/mute"


async def gslb(running: Running, *arguments: str) -> Result:
    command = ["agent", "forget", *arguments, "--admin", f"127.0.0.1:{running.bound.port}"]
    with capture_logs():  # the coordinator's, in this process
        return await asyncio.to_thread(CliRunner().invoke, main, command)


def test_an_agent_still_needs_a_site_to_run() -> None:
    result = CliRunner().invoke(main, ["agent"])
    assert result.exit_code == 2
    assert "Missing option '--site'" in result.output
