"""The product at work on hosts of its own, and all that can be done to its processes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import grpc
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from chaos import asker, plan, programs
from chaos.listening import Listening, listening
from chaos.network import Network
from chaos.programs import Programs
from chaos.truth import Member, Phase, Truth
from gslb.api.v1 import admin_pb2 as pb
from gslb.api.v1.admin_pb2_grpc import AdminStub
from gslb.cli import applying
from gslb.cli.demo.children import Children, DemoFailed, eventually
from gslb.runtime import rpc

if TYPE_CHECKING:
    from gslb.api.v1.admin_pb2_grpc import AdminAsyncStub

START_S = 90.0
_EVERYONE = (*plan.ETCD, *plan.COORDINATORS, *plan.AGENTS.values(), *plan.DNS)


@dataclass(slots=True, kw_only=True)
class World:
    """All processes, by the names of `plan`; each writes to NAME.log in `folder`."""

    folder: Path
    network: Network
    programs: Programs
    children: Children
    truth: Truth
    client: Listening
    admins: dict[str, AdminAsyncStub]
    stopped: set[str] = field(default_factory=set)
    more: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Arguments of processes besides their own, when they are started."""
    _undo: list[Callable[[], None]] = field(default_factory=list)
    _applied: str = ""

    # What scenarios do.

    def kill(self, *names: str) -> None:
        """SIGKILL."""
        self.stopped.difference_update(names)
        self.children.kill(*names)

    def stop(self, *names: str) -> None:
        """SIGSTOP: the process hangs, its kernel still takes connections."""
        for name in names:
            os.kill(self.children.running[name].pid, signal.SIGSTOP)
        self.stopped.update(names)

    def go_on(self, *names: str) -> None:
        for name in names:
            os.kill(self.children.running[name].pid, signal.SIGCONT)
        self.stopped.difference_update(names)

    def start(self, *names: str) -> None:
        """As they were first started."""
        for name in names:
            host, command = self.programs.command(name)
            self.children.start_program(
                name, [*host.enter, *command, *self.more.get(name, ())], GSLB_WALL_OFFSET_S=f"@{self._clock(name)}"
            )

    def step_clock(self, name: str, seconds: int) -> None:
        """From now on this process's wall clock is wrong by so much."""
        fresh = self.folder / "clock.new"
        fresh.write_text(str(seconds))
        fresh.replace(self._clock(name))

    def data(self, name: str) -> Path:
        """What this process keeps."""
        return self.programs.data(name)

    async def start_helper(self, module: str, *arguments: str, host: str | None = None) -> None:
        """`python -m MODULE ARGUMENTS` there or among the clients; returns when it has said "ready".

        It may end by itself, and is ended when the scenario is over.
        """
        enter = self.network.hosts[host].enter if host is not None else ()
        self.children.start_program(module, (*enter, sys.executable, "-m", module, *arguments))
        self.afterwards(partial(self.children.kill, module))

        async def ready() -> bool:
            return "ready" in (self.folder / f"{module}.log").read_text()

        await self.until(f"{module} to be ready", ready)

    def come_back(self, *members: Member) -> None:
        """Bring back members that were killed or stopped; answers may have them from now on."""
        self.truth.tell(members, Phase.COMING, time.monotonic())
        for member in members:
            if member.name in self.stopped:
                self.go_on(member.name)
            elif member.name not in self.children.running:
                self.start(member.name)

    def afterwards(self, undo: Callable[[], None]) -> None:
        """Call this when the scenario is over, whatever became of it; the last one first."""
        self._undo.append(undo)

    async def apply(self, text: str, by: str = "a", message: str = "", *, now: bool = True) -> pb.Applied:
        """A configuration, to all dns servers at once, or to one first. Raises AioRpcError, DemoFailed when refused."""
        config = self.folder / "gslb.yaml"
        config.write_text(text)
        change = applying.Change(author="chaos", message=message, now=now)
        made = await applying.apply(self.admins[by], config, applying.read(config), change)
        if isinstance(made, applying.Refusal):
            raise DemoFailed("\n".join(str(problem) for problem in made.problems))
        self._applied = text
        return made

    def configuration(self, more: str = "") -> str:
        """Of `plan`, and what is to stand behind it."""
        ours = [f"{host.router}/32" for name, host in self.network.hosts.items() if name != plan.STRANGER]
        return plan.configuration(", ".join(ours), more=more)

    # What they see.

    def of_site(self, site: str) -> tuple[Member, ...]:
        return tuple(member for member in self.truth.members if member.site == site)

    @asynccontextmanager
    async def hanging_dns(self, name: str) -> AsyncIterator[None]:
        """Stop this dns server for a while, in which nobody asks it; at the end it goes on, and catches up."""
        self.truth.leave(name, time.monotonic())
        self.stop(name)
        yield
        self.go_on(name)
        await self.until_whole()
        await asyncio.sleep(2 * asker.PATIENCE_S)  # nothing that it was asked before is under way any more
        self.truth.back(name, time.monotonic())

    async def in_turn(self, count: int) -> AsyncIterator[Member]:
        """Members one after the other, each when it serves again; half of every site always does."""
        turns = list(islice(cycle(self.truth.members), count))
        for number, member in enumerate(turns):
            away = turns[max(0, number - plan.PER_SITE + 1) : number]
            await self.until_serving(*(one for one in self.truth.members if one not in away))
            yield member

    async def until_serving(self, *members: Member) -> None:
        """Until every dns server answers with them; from then on answers without them are wrong."""
        coming = [member for member in members or self.truth.members if self.truth.phase(member) is not Phase.UP]
        if coming:

            async def served() -> bool:
                return all(one.address in said for one in coming for said in self.client.latest(one.site))

            names = ", ".join(member.name for member in coming)
            await self.until(f"{names} in the answers", served)
            self.truth.tell(coming, Phase.UP, time.monotonic())

    async def status(self, coordinator: str) -> pb.GetStatusResponse | None:
        """None when it does not answer."""
        try:
            return await self.admins[coordinator].GetStatus(pb.GetStatusRequest(), timeout=2)
        except grpc.aio.AioRpcError:
            return None

    async def alarms(self, coordinator: str) -> list[str]:
        """Raises DemoFailed when it does not answer."""
        status = await self.status(coordinator)
        if status is None:
            raise DemoFailed(f"coordinator {coordinator} does not answer")
        return list(status.alarms)

    async def metric(self, process: str, metric: str, **labels: str) -> float:
        """The sum of all that have these labels, whatever their others are."""
        samples = await self.samples(process, metric)
        return sum(one.value for one in samples if labels.items() <= one.labels.items())

    async def samples(self, process: str, metric: str) -> list[Sample]:
        """All of one moment."""
        families = text_string_to_metric_families(await self._metrics(process))
        return [sample for family in families for sample in family.samples if sample.name == metric]

    async def _metrics(self, process: str) -> str:
        """The page; a process that has just started may answer before it shows one."""
        address = f"http://{self.programs.address(process, plan.METRICS)}/metrics"
        pages: list[str] = []

        async def shown() -> bool:
            try:
                async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
                    pages.append(await (await session.get(address)).text())
            except aiohttp.ClientConnectionError:
                return False
            return True

        await self.until(f"the metrics of {process}", shown)
        return pages[0]

    async def until(self, what: str, holds: Callable[[], Awaitable[bool]], within_s: float = START_S) -> float:
        """Seconds until it holds; raises DemoFailed."""
        return await eventually(what, holds, children=self.children, within_s=within_s)

    async def until_answers(self, coordinator: str) -> None:
        async def answers() -> bool:
            return await self.status(coordinator) is not None

        await self.until(f"coordinator {coordinator}", answers)

    async def until_whole(self, coordinators: Collection[str] = plan.COORDINATORS) -> None:
        """Each of these hears all agents, all dns servers and all of the others, and decides as they do."""

        async def whole() -> bool:
            found = [await self.status(name) for name in coordinators]
            return all(status is not None and _is_whole(status, coordinators) for status in found)

        await self.until("streams between all", whole)

    # What happens before and after scenarios.

    async def begin(self) -> None:
        """Start everything; returns when all is well."""
        self.start(*plan.ETCD)
        await self._until_etcd()
        self.start(*plan.COORDINATORS, *(member.name for member in self.truth.members))
        for name in plan.COORDINATORS:
            await self.until_answers(name)
        await self.apply(self.configuration())
        self.start(*plan.AGENTS.values(), *plan.DNS)
        await self.until_whole()
        await self.until_serving()

    async def mend(self) -> None:
        """Undo whatever was done; returns when all is well again. Raises DemoFailed."""
        while self._undo:
            self._undo.pop()()
        self.network.heal()
        self.go_on(*self.stopped)
        self.kill(*(name for name in self.more if name in self.children.running))
        self.more.clear()
        for name in (*_EVERYONE, *(member.name for member in self.truth.members)):
            self._clock(name).unlink(missing_ok=True)
            if name in self.children.running and self.children.running[name].poll() is not None:
                del self.children.running[name]
            if name not in self.children.running:
                self.start(name)
                if name == plan.ETCD[-1]:
                    await self._until_etcd()
        self._expect_all()
        await self.until_whole()
        await self._restore()
        await self.until_serving()

    def _expect_all(self) -> None:
        gone = [member for member in self.truth.members if self.truth.phase(member) is Phase.DOWN]
        self.truth.tell(gone, Phase.COMING, time.monotonic())

    async def _restore(self) -> None:
        """Configuration and overrides."""
        status = await self.status("a")
        for one in status.overrides if status is not None else ():
            await self.admins["a"].ClearOverride(pb.ClearOverrideRequest(scope=one.scope, who="chaos"), timeout=5)
        if self._applied != self.configuration():
            await self.apply(self.configuration())

    def _clock(self, name: str) -> Path:
        return self.folder / f"{name}.clock"

    async def _until_etcd(self) -> None:
        async def healthy() -> bool:
            command = [self.programs.etcdctl, f"--endpoints={self.programs.etcd_endpoints()}", "endpoint", "health"]
            done = await asyncio.to_thread(
                subprocess.run, command, capture_output=True, check=False, env={"ETCDCTL_API": "3"}
            )
            return done.returncode == 0

        await self.until("etcd", healthy)


def heard(status: pb.GetStatusResponse, sites: Collection[str]) -> int:
    """How many agents of these sites the coordinator that was asked hears itself."""
    agents = [agent for one in status.sites if one.name in sites for agent in one.agents]
    return sum(not (agent.silent or agent.elsewhere) for agent in agents)


def _is_whole(status: pb.GetStatusResponse, coordinators: Iterable[str]) -> bool:
    agents = [agent for site in status.sites for agent in site.agents if site.name in plan.AGENTS]
    connected = {one.name for one in status.coordinators if one.connected}
    return (
        len(agents) == len(plan.AGENTS)
        and not any(agent.silent or agent.elsewhere for agent in agents)
        and {one.name for one in status.dns_servers if one.connected} == set(plan.DNS)
        and all(one.decision == status.decision for one in status.dns_servers)
        and set(coordinators) <= connected
    )


@asynccontextmanager
async def world(folder: Path, network: Network) -> AsyncIterator[World]:
    """All up and serving; every process is killed at the end."""
    members = plan.members()
    truth = Truth(members=members)
    prepared = programs.prepare(folder, network, members)
    children = Children(folder)
    async with AsyncExitStack() as stack:
        stack.callback(children.kill_all)
        channels = {
            name: await stack.enter_async_context(rpc.channel(prepared.address(name, plan.ADMIN), prepared.security))
            for name in plan.COORDINATORS
        }
        servers = {name: network.hosts[name].address for name in plan.DNS}
        made = World(
            folder=folder,
            network=network,
            programs=prepared,
            children=children,
            truth=truth,
            client=await stack.enter_async_context(listening(servers, plan.questions(), truth)),
            admins={name: AdminStub(channel) for name, channel in channels.items()},
        )
        await made.begin()
        yield made
