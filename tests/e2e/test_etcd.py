"""A coordinator on real etcd, as a process: what it acknowledged is there for the next one, also without a majority."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import grpc
import pytest
from prometheus_client import CollectorRegistry
from support.coordinators import CONFIG, DOWN, UP, Running, files
from support.etcd import Cluster, members_of_module
from support.waiting import eventually

from gslb.api.v1 import admin_pb2 as pb
from gslb.api.v1 import facts_pb2
from gslb.cli.demo.children import free_port
from gslb.coordinator.main import Bound
from gslb.runtime import rpc

READY_S = 30
SECOND, THIRD = (CONFIG.replace('"one"', f'"{number}"') for number in ("two", "three"))


members = members_of_module(3)


@pytest.fixture
def store(members: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """Where a test's coordinators keep things; all members are well again when it ends."""
    yield f"etcd://{','.join(map(str, members.endpoints))}/{request.node.name}"
    members.repair()


@asynccontextmanager
async def coordinator(folder: Path, store: str, name: str = "c1") -> AsyncIterator[Running]:
    """A process that answers; SIGKILLed at the end, as a lost machine would be."""
    port = free_port()
    ours = ("--name", name, "--admin", f"127.0.0.1:{port}", "--data", str(folder), "--store", store)
    command = ("-m", "gslb.cli", "coordinator", *ours)
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stderr=PIPE)
    reading = asyncio.create_task(process.communicate())
    try:
        async with rpc.channel(f"127.0.0.1:{port}") as channel:
            running = Running(Bound(port=port, metrics_port=None), channel, CollectorRegistry(), reading)
            await answering(running, process)
            yield running
    finally:
        if process.returncode is None:
            process.kill()
        await reading


async def answering(running: Running, process: Process) -> None:
    async with asyncio.timeout(READY_S):
        while True:
            assert process.returncode is None, (await running.task)[1].decode()
            try:
                await running.status()
            except grpc.aio.AioRpcError:
                continue
            return


def drain(pool: str) -> pb.SetOverrideRequest:
    scope = facts_pb2.Scope(kind=facts_pb2.SCOPE_KIND_POOL, name=pool)
    return pb.SetOverrideRequest(scope=scope, action=facts_pb2.OVERRIDE_ACTION_DRAIN, who="ann", why="work")


async def text_of(running: Running, revision: int) -> str:
    found = await running.admin.GetConfig(pb.GetConfigRequest(revision=revision), timeout=READY_S)
    return str(found.files[0].text)


async def test_applies_overrides_and_history_are_there_for_the_next_coordinator(tmp_path: Path, store: str) -> None:
    """The next one is on another machine: what it compiles from, a geo database too, comes from etcd."""
    async with coordinator(tmp_path / "one", store) as running:
        await running.applied(files(CONFIG))
        await running.applied(files(SECOND))
        await running.admin.SetOverride(drain("web-us"), timeout=READY_S)
        before = (await running.status()).order
    async with coordinator(tmp_path / "two", store) as running, running.dns_server("d") as dns:
        assert (await running.status()).order == before
        assert [await text_of(running, revision) for revision in (1, 2, 0)] == [CONFIG, SECOND, SECOND]
        await dns.until(lambda: bool(dns.manifest))
        assert [override.scope.name for override in dns.directives.overrides] == ["web-us"]
        assert (await running.applied(files(THIRD))).order.config == 3


async def test_without_a_majority_reports_go_on_admin_calls_say_why_and_a_restart_serves(
    tmp_path: Path, store: str, members: Cluster
) -> None:
    async with coordinator(tmp_path, store) as running, running.dns_server("d") as dns:
        await running.applied(files(CONFIG))
        async with running.agent("eu/a1") as agent:
            for number in (0, 1):
                members.members[number].kill()
            for state in (UP, DOWN):
                report = await agent.report(state)
                await dns.until(lambda report=report: report in dns.updates)
            with pytest.raises(grpc.aio.AioRpcError, match=r"etcd at 127\.0\.0\.1") as refused:
                await running.admin.SetOverride(drain("web-us"), timeout=READY_S)
            assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
            await eventually(lambda: is_alarmed(running), READY_S)
    async with (
        coordinator(tmp_path, store) as running,
        running.dns_server("d") as dns,
        running.agent("eu/a1", 2) as agent,
    ):
        await dns.until(lambda: dns.manifest_order.config == 1)
        report = await agent.report(DOWN)
        await dns.until(lambda: report in dns.updates)
        members.members[0].start()

        async def drained() -> bool:
            try:
                await running.admin.SetOverride(drain("web-us"), timeout=READY_S)
            except grpc.aio.AioRpcError:
                return False
            return True

        await eventually(drained, READY_S)
        await dns.until(lambda: bool(dns.directives.overrides))
        await eventually(lambda: is_calm(running), READY_S)


async def is_alarmed(running: Running) -> bool:
    return any("the store cannot be read, failover goes on" in alarm for alarm in (await running.status()).alarms)


async def is_calm(running: Running) -> bool:
    return not await is_alarmed(running)


async def test_what_another_coordinator_writes_takes_force(tmp_path: Path, store: str) -> None:
    async with coordinator(tmp_path / "one", store) as one, coordinator(tmp_path / "two", store, "c2") as two:
        async with two.dns_server("d") as dns:
            await one.applied(files(CONFIG))
            await one.admin.SetOverride(drain("web-us"), timeout=READY_S)
            await dns.until(lambda: dns.manifest_order.config == 1 and bool(dns.directives.overrides))
        await two.applied(files(SECOND))
        await eventually(lambda: is_at(one, 2))


async def is_at(running: Running, revision: int) -> bool:
    return (await running.status()).order.config == revision


async def test_an_agent_that_reaches_one_coordinator_is_known_at_the_other(tmp_path: Path, store: str) -> None:
    """As when the network is cut between an agent and one of them: facts, and that the agent is alive, go round."""
    async with coordinator(tmp_path / "one", store) as one, coordinator(tmp_path / "two", store, "c2") as two:
        await one.applied(files(CONFIG))
        await eventually(lambda: is_at(two, 1))
        async with one.agent("eu/a1") as agent, two.dns_server("d") as dns:
            for state in (UP, DOWN):
                report = await agent.report(state)
                await dns.until(lambda report=report: report in dns.updates)
            await dns.until(lambda: [list(beat.heard) for beat in dns.beats[-1:]] == [["eu/a1"]])
            (shown,) = [agent for site in (await two.status()).sites for agent in site.agents]
            assert (shown.silent, shown.elsewhere) == (False, True)


async def test_all_coordinators_compile_the_same_octets(tmp_path: Path, store: str) -> None:
    async with AsyncExitStack() as stack:
        one, two = [
            await stack.enter_async_context(coordinator(tmp_path / name, store, name)) for name in ("one", "two")
        ]
        async with one.dns_server("d1") as first, two.dns_server("d2") as second:
            moved = CONFIG.replace("192.0.2.11", "192.0.2.12")
            for revision, (at, text) in enumerate([(one, CONFIG), (two, SECOND), (one, moved), (two, THIRD)], start=1):
                await at.applied(files(text))
                for dns in (first, second):
                    await dns.until(lambda dns=dns, revision=revision: dns.manifest_order.config == revision)
                assert first.manifest == second.manifest
            three = await stack.enter_async_context(coordinator(tmp_path / "three", store, "three"))
            async with three.dns_server("d3") as third:  # it was there for none of them
                await third.until(lambda: third.manifest_order.config == revision)
                assert third.manifest == first.manifest
