"""`gslb up`: coordinator, an agent per site and a dns server in one process, with real gRPC between them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, MutableMapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import grpc
from prometheus_client import CollectorRegistry
from watchfiles import awatch

import dns_server.main as dns
import gslb.coordinator.main as coordinator
import site_agent.main as agent
from dns_server.options import Options as DnsOptions
from gslb.api.v1.admin_pb2 import GetConfigRequest, GetStatusRequest
from gslb.api.v1.admin_pb2_grpc import AdminStub
from gslb.cli import applying, client
from gslb.config import ConfigErrors, Problem
from gslb.coordinator.options import Options as CoordinatorOptions
from gslb.core.errors import GslbError
from gslb.runtime import http, rpc
from gslb.runtime.addresses import SocketAddress
from gslb.runtime.logs import get_logger
from gslb.runtime.metrics import merged_registry
from gslb.runtime.supervise import keep_running
from gslb.runtime.tls import LOOPBACK_ONLY, Security

if TYPE_CHECKING:
    from gslb.api.v1.admin_pb2_grpc import AdminAsyncStub

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
LOOK_S = 2.0
"""How often to look whether somebody else has applied a configuration with other sites."""

Bound = TypeVar("Bound")
Part = Callable[..., Coroutine[object, object, None]]
"""A part's `run` with its options bound; takes `on_ready` and `registry`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`config`: the file to put in force. `watch`: apply it again whenever it, or what it names, changes.

    `security`: without TLS, which one process does not need; it says whether `admin` may be beyond this machine.
    """

    config: Path
    listen: tuple[SocketAddress, ...]
    admin: SocketAddress
    metrics: SocketAddress | None
    data: Path
    watch: bool
    engine: str
    security: Security = LOOPBACK_ONLY


@dataclass(frozen=True, slots=True, kw_only=True)
class Up:
    """What is up, with ports as bound. `problems`: of the file, when an earlier configuration serves in its place."""

    listen: tuple[SocketAddress, ...]
    admin: SocketAddress
    metrics: SocketAddress | None
    problems: tuple[Problem, ...]


class CannotStart(GslbError):
    """There is no right configuration: neither the file nor an earlier one in the store."""

    code = "cannot-start"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        lines = (f"\n  {problem}" for problem in problems)
        super().__init__(f"the configuration is wrong, and there is no earlier one to serve:{''.join(lines)}")
        self.problems = problems


async def run(options: Options, on_ready: Callable[[Up], None]) -> None:
    """Until cancelled. Raises CannotStart, CannotListen and OSError when it cannot start as asked."""
    async with AsyncExitStack() as stack:
        registries: dict[str, CollectorRegistry] = {}
        together = Together(options, await stack.enter_async_context(asyncio.TaskGroup()), registries)
        metrics = None
        if options.metrics is not None:
            host, port = options.metrics.host, options.metrics.port
            page = http.serve(host, port, merged_registry(registries), together.missing)
            metrics = SocketAddress(host, await stack.enter_async_context(page))
        admin = await together.start_coordinator()
        listen = await together.start_dns(admin)  # answers as before until the file is read
        stub = AdminStub(await stack.enter_async_context(rpc.channel(admin, options.security)))
        problems = await together.configured(_apply(stub, options.config))
        if problems and await _revision(stub) == 0:
            raise CannotStart(problems)
        on_ready(Up(listen=listen, admin=admin, metrics=metrics, problems=problems))
        if options.watch:
            together.group.create_task(keep_running("watch", partial(_watch, stub, options.config)))
        await keep_running("sites", partial(together.follow_sites, stub, admin))


class Together:
    """The running parts. Each shows its metrics under its own name, and is started again if it fails."""

    def __init__(
        self, options: Options, group: asyncio.TaskGroup, registries: MutableMapping[str, CollectorRegistry]
    ) -> None:
        self.group = group
        self._options = options
        self._registries = registries
        self._starting = {"configuration"}
        self._agents: dict[str, asyncio.Task[None]] = {}

    def missing(self) -> str | None:
        """What is not up yet."""
        return f"starting: {', '.join(sorted(self._starting))}" if self._starting else None

    async def start_coordinator(self) -> SocketAddress:
        """Where it listens."""
        listen = self._options.admin
        settings = CoordinatorOptions(
            name="coordinator", listen=listen, data=self._options.data, security=self._options.security
        )
        ready: asyncio.Future[coordinator.Bound] = asyncio.Future()
        await self._start("coordinator", partial(coordinator.run, settings), ready)
        return SocketAddress(listen.host, ready.result().port)

    async def start_dns(self, admin: SocketAddress) -> tuple[SocketAddress, ...]:
        """Where it answers."""
        options = self._options
        settings = DnsOptions(
            name="dns",
            listen=options.listen,
            coordinators=(admin,),
            data=options.data,
            engine=options.engine,
            security=options.security,
        )
        ready: asyncio.Future[dns.Bound] = asyncio.Future()
        await self._start("dns", partial(dns.run, settings), ready)
        return ready.result().listen

    async def configured(self, applying: Awaitable[Bound]) -> Bound:
        """What the first apply results in."""
        result = await applying
        self._starting.discard("configuration")
        return result

    async def follow_sites(self, stub: AdminAsyncStub, admin: SocketAddress) -> None:
        """An agent for every site of the configuration in force, also of one that others apply; until cancelled."""
        revision = 0
        while True:
            if (now := await _revision(stub)) not in (0, revision):
                sites = frozenset(await _sites(stub))
                for site in sites - self._agents.keys():
                    part = self._keep(_agent_name(site), self._agent(site, admin))
                    self._agents[site] = self.group.create_task(part)
                for site in self._agents.keys() - sites:
                    self._agents.pop(site).cancel()
                    self._registries.pop(_agent_name(site), None)
                revision = now
            await asyncio.sleep(LOOK_S)

    def _agent(self, site: str, admin: SocketAddress) -> Part:
        settings = agent.Options(
            site=site,
            name="agent",
            coordinators=(admin,),
            data=self._options.data,
            probe_allow=LOOPBACK,
            security=self._options.security,
        )
        return partial(agent.run, settings)

    async def _start(self, name: str, part: Part, ready: asyncio.Future[Bound]) -> None:
        """Start a part and wait until it is ready; raises what its first start raised."""
        self._starting.add(name)
        self.group.create_task(self._keep(name, part, ready))
        await ready
        self._starting.discard(name)

    async def _keep(self, name: str, part: Part, ready: asyncio.Future[Bound] | None = None) -> None:
        """Run a part again and again; what ends its first start before it was ready goes to `ready` and is the end."""

        def is_ready(bound: Bound | None = None) -> None:
            if ready is not None and bound is not None and not ready.done():
                ready.set_result(bound)

        def is_fatal(error: Exception) -> bool:
            if ready is None or ready.done():
                return False
            ready.set_exception(error)
            return True

        async def once() -> None:
            registry = self._registries[name] = CollectorRegistry()
            await part(on_ready=is_ready, registry=registry)

        await keep_running(name, once, is_fatal)


def _agent_name(site: str) -> str:
    return f"agent {site}"


async def _apply(stub: AdminAsyncStub, config: Path) -> tuple[Problem, ...]:
    """Put the file in force, if it is not; the problems, if it was refused."""
    try:
        loaded = await asyncio.to_thread(applying.read, config)
        change = applying.Change(author=client.whoami(), message="gslb up", now=True)
        result = await applying.apply(stub, config, loaded, change)
    except ConfigErrors as errors:
        return errors.problems
    except grpc.aio.AioRpcError as error:
        return (Problem(file=config.name, line=1, column=1, text=f"cannot be applied: {error.details()}"),)
    except (applying.CoordinatorGone, OSError) as error:
        return (Problem(file=config.name, line=1, column=1, text=f"cannot be applied: {error}"),)
    return result.problems if isinstance(result, applying.Refusal) else ()


async def _watch(stub: AdminAsyncStub, config: Path) -> None:
    """Apply again whenever the file, or what it names, changes; a bad state is logged and what runs goes on."""
    log = get_logger("up")
    files = await asyncio.to_thread(_named, config, frozenset())
    state = _state(files)
    while True:
        folders = _folders(files)
        async for _ in awatch(*folders, recursive=False):
            before, state = state, _state(files)
            if state == before:  # something else that lies there, such as our own log
                continue
            for problem in await _apply(stub, config):
                log.error("configuration refused", problem=str(problem))
            named = await asyncio.to_thread(_named, config, files)
            if named != files:
                files, state = named, frozenset()  # what changed meanwhile shows at the next event
            if _folders(files) != folders:
                break


def _named(config: Path, before: frozenset[Path]) -> frozenset[Path]:
    """The file and all that it names. `before`: counts too while the file is wrong and does not say all."""
    try:
        loaded = applying.read(config)
        named, kept = {*loaded.files, *loaded.model.geo.databases}, frozenset[Path]()
    except ConfigErrors as errors:
        named, kept = {problem.file for problem in errors.problems}, before
    return kept | {config} | {config.parent / name for name in named}


def _folders(files: Iterable[Path]) -> set[Path]:
    """Editors replace files, so the folder is what to watch. Not what is below: our own data may lie there."""
    return {file.parent for file in files if file.parent.is_dir()}


def _state(files: frozenset[Path]) -> frozenset[tuple[str, int, int]]:
    """Differs when one of `files` has changed, or something has come or gone beside them."""
    beside = ((str(path), 0, 0) for folder in _folders(files) for path in folder.iterdir() if path not in files)
    return frozenset((*beside, *((str(file), *_stamp(file)) for file in files)))


def _stamp(file: Path) -> tuple[int, int]:
    try:
        found = file.stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)


async def _revision(stub: AdminAsyncStub) -> int:
    """Of the configuration in force; 0 = none yet, or nobody to ask now."""
    try:
        return (await stub.GetConfig(GetConfigRequest(), timeout=client.CALL_TIMEOUT_S)).revision
    except grpc.aio.AioRpcError:
        return 0


async def _sites(stub: AdminAsyncStub) -> list[str]:
    status = await stub.GetStatus(GetStatusRequest(), timeout=client.CALL_TIMEOUT_S)
    return [site.name for site in status.sites]
