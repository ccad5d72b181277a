"""The whole agent against a small coordinator over real gRPC: what it says, when, and what it does when that dies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp
import grpc
import pytest
from prometheus_client import CollectorRegistry
from support.agents import FINE, assignment, process, scripted, target
from support.monitors import HTTP, monitor
from support.waiting import until

from gslb.api.v1 import health_pb2 as pb
from gslb.api.v1 import health_pb2_grpc
from gslb.codec.facts import dump_order, load_report
from gslb.codec.monitors import dump_monitor, dump_target
from gslb.core.facts import Cause, Report, State, Verdict
from gslb.core.layouts import Target
from gslb.core.monitors import Monitor
from gslb.runtime import rpc
from gslb.runtime.addresses import SocketAddress
from gslb.runtime.clock import monotonic_s
from site_agent.assignment import Assignment
from site_agent.main import InvalidOptions, Options, run

UP, DOWN = State(Verdict.UP, Cause.OK).octet, State(Verdict.DOWN, Cause.REFUSED).octet
QUIET_MS = 600_000


@dataclass
class Coordinator(health_pb2_grpc.HealthServicer):
    """Remembers what agents say; `assign` tells all who are connected, and whoever comes later."""

    port: int = 0
    current: pb.Assignment | None = None
    hellos: list[pb.AgentHello] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    arrived_s: list[float] = field(default_factory=list)
    evidence: list[pb.Evidence] = field(default_factory=list)
    streams: list[grpc.aio.ServicerContext[pb.ExchangeRequest, pb.ExchangeResponse]] = field(default_factory=list)

    async def Exchange(
        self,
        request_iterator: AsyncIterator[pb.ExchangeRequest],
        context: grpc.aio.ServicerContext[pb.ExchangeRequest, pb.ExchangeResponse],
    ) -> None:
        self.streams.append(context)
        if self.current is not None:
            await context.write(pb.ExchangeResponse(assignment=self.current))
        async for request in request_iterator:
            match request.WhichOneof("message"):
                case "hello":
                    self.hellos.append(request.hello)
                case "report":
                    self.reports.append(load_report(request.report))
                    self.arrived_s.append(monotonic_s())
                case "evidence":
                    self.evidence.append(request.evidence)

    async def assign(self, made: Assignment) -> None:
        self.current = pb.Assignment(
            order=dump_order(made.order),
            layout=made.layout.digest,
            targets=[dump_target(one) for one in made.layout.targets],
            monitors=[dump_monitor(one) for one in made.monitors.values()],
            probe_allow=[str(network) for network in made.probe_allow],
        )
        for stream in self.streams:
            await stream.write(pb.ExchangeResponse(assignment=self.current))

    async def heard(self, condition: Callable[[Report], bool]) -> Report:
        """The first report, from now or before, for which that holds."""
        await until(lambda: any(condition(report) for report in self.reports))
        return next(report for report in self.reports if condition(report))


@asynccontextmanager
async def coordinator(port: int = 0) -> AsyncIterator[Coordinator]:
    """Ends as a killed one does: without a word."""
    servicer, server = Coordinator(), rpc.server()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    servicer.port = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    try:
        yield servicer
    finally:
        await server.stop(None)


@dataclass
class Agent:
    registry: CollectorRegistry
    task: asyncio.Task[None]
    ready: asyncio.Event

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


@asynccontextmanager
async def agent(*ports: int, data: Path | None = None, name: str = "a") -> AsyncIterator[Agent]:
    coordinators = tuple(SocketAddress("127.0.0.1", port) for port in ports)
    options = Options(site="here", name=name, coordinators=coordinators, data=data)
    registry, ready = CollectorRegistry(), asyncio.Event()
    task = asyncio.create_task(run(options, on_ready=ready.set, registry=registry))
    try:
        yield Agent(registry, task, ready)
    finally:
        task.cancel()
        started_s = monotonic_s()
        await asyncio.wait([task])
        assert task.cancelled()
        assert monotonic_s() - started_s < 1


def pair(port: int, **changed: int) -> tuple[Target, Monitor]:
    return target(), replace(monitor(HTTP, port=port, interval_ms=QUIET_MS), **changed)


async def test_hello_then_the_whole_register_every_second() -> None:
    async with scripted(FINE) as server, coordinator() as hub, agent(hub.port) as work:
        wanted = assignment(pair(server.port))
        await hub.assign(wanted)
        await until(lambda: len(hub.reports) >= 3)
        assert [(hello.agent, hello.boot) for hello in hub.hellos] == [("here/a", hub.reports[0].boot)]
        assert [report.sequence for report in hub.reports[:3]] == [1, 2, 3]
        assert {report.states for report in hub.reports} == {bytes([UP])}
        assert {report.layout for report in hub.reports} == {wanted.layout.digest}
        assert 0.8 < hub.arrived_s[2] - hub.arrived_s[1] < 1.6
        assert work.ready.is_set()
        assert work.count("gslb_agent_connected_coordinators") == 1
        assert work.count("gslb_agent_targets", verdict="up") == 1
        assert work.count("gslb_agent_assignments_total", outcome="applied") == 1


async def test_a_change_is_reported_at_once() -> None:
    async with process() as server, coordinator() as hub, agent(hub.port):
        await hub.assign(assignment(pair(server.port)))
        await hub.heard(lambda report: report.states == bytes([UP]))
        server.kill()
        killed_s = monotonic_s()
        await hub.heard(lambda report: report.states[0] & 3 == Verdict.DOWN)
        assert monotonic_s() - killed_s < 0.5
        await until(lambda: "connection re" in hub.evidence[-1].texts[0])


async def test_the_register_is_withheld_until_every_target_has_a_result() -> None:
    async with scripted(FINE) as server, process() as hung, coordinator() as hub, agent(hub.port) as work:
        hung.stop()
        slow = monitor(HTTP, name="slow", port=hung.port, timeout_ms=600, interval_ms=QUIET_MS)
        await hub.assign(assignment(pair(server.port), (target(monitor="slow"), slow)))
        await until(lambda: work.count("gslb_agent_probes_total", kind="http", cause="ok") == 1)
        assert not hub.reports
        assert not work.ready.is_set()
        await until(lambda: bool(hub.reports))
        assert hub.reports[0].states == bytes([State(Verdict.DOWN, Cause.TIMEOUT).octet, UP])


async def test_an_agent_whose_targets_time_out_together_says_that_it_is_sick() -> None:
    async with process() as hung, coordinator() as hub, agent(hub.port) as work:
        hung.stop()
        slow = monitor(HTTP, port=hung.port, timeout_ms=100, interval_ms=QUIET_MS)
        await hub.assign(assignment(*((target(endpoint=name), slow) for name in ("x", "y", "z"))))
        report = await hub.heard(lambda report: True)
        assert report.states == bytes([State(Verdict.DOWN, Cause.TIMEOUT).octet] * 3)
        assert report.sick
        assert work.count("gslb_agent_sick") == 1


async def test_an_agent_without_targets_reports_too() -> None:
    async with coordinator() as hub, agent(hub.port):
        await hub.assign(assignment())
        assert (await hub.heard(lambda report: True)).states == b""


async def test_evidence_is_whole_first_and_then_what_changes() -> None:
    async with scripted(FINE) as good, process() as victim, coordinator() as hub, agent(hub.port):
        other = monitor(HTTP, name="other", port=victim.port, interval_ms=QUIET_MS)
        await hub.assign(assignment(pair(good.port), (target(monitor="other"), other)))
        await until(lambda: bool(hub.evidence))
        assert list(hub.evidence[0].targets) == [0, 1]
        assert list(hub.evidence[0].texts) == ["status 200"]
        assert min(hub.evidence[0].latencies_us) > 0
        assert hub.evidence[0].layout == hub.reports[0].layout
        whole = len(hub.evidence)
        victim.kill()
        await hub.heard(lambda report: report.states[0] & 3 == Verdict.DOWN)
        await until(lambda: len(hub.evidence) > whole)
        change = hub.evidence[whole]
        assert (list(change.targets), list(change.flaps)) == ([0], [1])


async def test_it_reconnects_when_the_coordinator_comes_back() -> None:
    async with scripted(FINE) as server, AsyncExitStack() as first, AsyncExitStack() as second:
        hub = await first.enter_async_context(coordinator())
        work = await second.enter_async_context(agent(hub.port))
        await hub.assign(assignment(pair(server.port)))
        before = await hub.heard(lambda report: True)
        await first.aclose()
        await until(lambda: work.count("gslb_agent_connected_coordinators") == 0)
        again = await second.enter_async_context(coordinator(hub.port))
        after = await again.heard(lambda report: True)  # nobody has assigned anything again
        assert again.hellos[0].boot == before.boot == after.boot
        assert after.sequence >= before.sequence  # the newest at once, not only with the next beat
        assert (after.layout, after.states) == (before.layout, before.states)
        assert work.count("gslb_agent_disconnects_total") >= 1
        assert work.count("gslb_agent_connected_coordinators") == 1
        assert not work.task.done()


@pytest.mark.parametrize("code", [grpc.StatusCode.CANCELLED, grpc.StatusCode.INTERNAL])
async def test_a_stream_that_the_coordinator_ends_is_opened_again(code: grpc.StatusCode) -> None:
    async with coordinator() as hub, agent(hub.port) as work:
        await hub.assign(assignment())
        await hub.heard(lambda report: True)
        with pytest.raises(grpc.aio.AbortError):
            await hub.streams.pop().abort(code, "enough")
        await until(lambda: len(hub.hellos) == 2)
        assert work.count("gslb_agent_disconnects_total") == 1


async def test_the_highest_order_wins_whoever_sends_it() -> None:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(scripted(FINE))
        one, two = [await stack.enter_async_context(coordinator()) for _ in range(2)]
        async with agent(one.port, two.port) as work:
            newer, older = assignment(pair(server.port), config=5), assignment(config=4)
            await one.assign(newer)
            await two.heard(lambda report: report.layout == newer.layout.digest)
            await two.assign(older)
            await until(lambda: work.count("gslb_agent_assignments_total", outcome="old") == 1)
            last = one.reports[-1].sequence
            report = await two.heard(lambda report: report.sequence > last)
            assert report.layout == newer.layout.digest
            newest = assignment(config=6)
            await two.assign(newest)
            await one.heard(lambda report: report.layout == newest.layout.digest)
            registers = [*one.reports, *two.reports]
            assert len({report.sequence for report in registers}) == len(set(registers))  # one writer, one content


async def test_one_coordinator_that_is_away_does_not_hold_up_another() -> None:
    async with coordinator() as gone:
        pass
    async with scripted(FINE) as server, coordinator() as hub, agent(gone.port, hub.port) as work:
        await hub.assign(assignment(pair(server.port)))
        await hub.heard(lambda report: report.states == bytes([UP]))
        assert work.count("gslb_agent_connected_coordinators") == 1


async def test_a_bad_assignment_changes_nothing() -> None:
    async with scripted(FINE) as server, coordinator() as hub, agent(hub.port) as work:
        good = assignment(pair(server.port))
        await hub.assign(good)
        await hub.heard(lambda report: True)
        bad = pb.Assignment(order=dump_order(replace(good.order, config=9)), layout=bytes(8))
        await hub.streams[0].write(pb.ExchangeResponse(assignment=bad))
        await until(lambda: work.count("gslb_agent_assignments_total", outcome="refused") == 1)
        last = hub.reports[-1].sequence
        assert (await hub.heard(lambda report: report.sequence > last)).layout == good.layout.digest


async def test_the_boot_number_rises_from_start_to_start(tmp_path: Path) -> None:
    async with coordinator() as hub:
        hub.current = pb.Assignment(layout=assignment().layout.digest, order=dump_order(assignment().order))
        for starts in (1, 2, 3):
            async with agent(hub.port, data=tmp_path):
                await until(lambda starts=starts: len(hub.hellos) == starts)
        assert hub.hellos[0].boot < hub.hellos[1].boot < hub.hellos[2].boot


@pytest.mark.parametrize("name", ["", "a/b"])
async def test_a_name_that_cannot_stand_in_a_report_is_refused(name: str) -> None:
    with pytest.raises(InvalidOptions):
        await run(Options(site="here", name=name, coordinators=()))


async def test_metrics_and_readiness_over_http(unused_tcp_port: int) -> None:
    async with coordinator() as hub:
        options = Options(
            site="here",
            name="a",
            coordinators=(SocketAddress("127.0.0.1", hub.port),),
            metrics=SocketAddress("127.0.0.1", unused_tcp_port),
        )
        task = asyncio.create_task(run(options))
        try:
            async with aiohttp.ClientSession(f"http://127.0.0.1:{unused_tcp_port}") as client:
                await until(lambda: bool(hub.hellos))
                async with client.get("/readyz") as reply:
                    assert (reply.status, await reply.text()) == (503, "no assignment from any coordinator yet\n")
                await hub.assign(assignment())
                await hub.heard(lambda report: True)
                async with client.get("/readyz") as reply:
                    assert reply.status == 200
                async with client.get("/metrics") as reply:
                    assert "gslb_agent_connected_coordinators 1.0" in await reply.text()
        finally:
            task.cancel()
            await asyncio.wait([task])
