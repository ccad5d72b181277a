"""The demo's world at work: processes up, configuration applied, and what clients see from outside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING

import grpc

from gslb.api.v1 import admin_pb2
from gslb.api.v1.admin_pb2_grpc import AdminStub
from gslb.cli import applying
from gslb.cli.demo import world
from gslb.cli.demo.children import Children, DemoFailed, eventually, free_port
from gslb.cli.demo.resolver import Resolver, resolver
from gslb.runtime import rpc
from gslb.runtime.clock import monotonic_s

if TYPE_CHECKING:
    from gslb.api.v1.admin_pb2_grpc import AdminAsyncStub

DNS_NAMES = ("dns-1", "dns-2")
POLL_S = 0.002


@dataclass(slots=True, kw_only=True)
class Stage:
    """Everything the story touches. `http_port`: of all web servers, told apart by address."""

    folder: Path
    children: Children
    admin: AdminAsyncStub
    admin_port: int
    http_port: int
    dns_ports: dict[str, int]
    resolvers: dict[str, Resolver]

    @property
    def config(self) -> Path:
        return self.folder / "gslb.yaml"

    def start_server(self, server: world.Server) -> None:
        self.children.start(server.name, "-m", "gslb.cli.demo.server", server.address, str(self.http_port), server.name)

    def start_coordinator(self) -> None:
        self._start("coordinator", "coordinator", "--admin", f"127.0.0.1:{self.admin_port}")

    def start_agent(self, site: str) -> None:
        ours = ("--site", site, "--name", "agent", "--coordinator", f"127.0.0.1:{self.admin_port}")
        self._start(f"agent-{site}", "agent", *ours)

    def start_dns(self, name: str) -> None:
        ours = ("--listen", f"127.0.0.1:{self.dns_ports[name]}", "--coordinator", f"127.0.0.1:{self.admin_port}")
        self._start(name, "dns", "--name", name, *ours)

    def _start(self, name: str, *arguments: str) -> None:
        data = ("--data", str(self.folder / name), "--log-level", "warning")
        self.children.start(name, "-m", "gslb.cli", *arguments, *data)

    async def start_all(self) -> None:
        """Every process, then the configuration; returns when all is up and agreed."""
        self.start_coordinator()
        for server in world.SERVERS:
            self.start_server(server)
        await eventually("the coordinator", self._coordinator_answers, children=self.children, within_s=60)
        await self.apply()
        for site in (*(place.site for place in world.PLACES), world.WITNESS):
            self.start_agent(site)
        for name in DNS_NAMES:
            self.start_dns(name)
        await self.until_agreed()

    async def _coordinator_answers(self) -> bool:
        try:
            await self.admin.GetStatus(admin_pb2.GetStatusRequest(), timeout=1)
        except grpc.aio.AioRpcError:
            return False
        return True

    async def apply(self) -> None:
        """Put the demo's configuration in force."""
        change = applying.Change(author="demo", message="the demo's world", now=True)
        result = await applying.apply(self.admin, self.config, applying.read(self.config), change)
        if isinstance(result, applying.Refusal):
            raise DemoFailed("\n".join(str(problem) for problem in result.problems))

    async def ask(self, dns: str, client: IPv4Network) -> str | None:
        """The first address that `dns` gives this client now; None = no answer."""
        reply = await self.resolvers[dns].ask(world.SERVICE, client)
        return reply.addresses[0] if reply is not None and reply.addresses else None

    async def fetch(self, address: str) -> str:
        """What the web server there says of itself."""
        try:
            async with asyncio.timeout(2):
                reader, writer = await asyncio.open_connection(address, self.http_port)
                writer.write(b"GET / HTTP/1.1\r\nHost: demo\r\n\r\n")
                await reader.readuntil(b"\r\n\r\n")
                said = await reader.readline()
                writer.close()
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            return f"({type(error).__name__})"
        return said.decode("ascii", "replace").strip()

    async def client_of(self, server: world.Server) -> IPv4Network:
        """Some client network near the server's site that is answered with it."""
        for network in world.HUNTING_GROUNDS[server.site].subnets(new_prefix=24):
            if await self.ask(DNS_NAMES[0], network) == server.address:
                return network
        raise DemoFailed(f"no client near {server.site} is answered with {server.name}")

    async def until_changed(self, client: IPv4Network, away_from: frozenset[str]) -> dict[str, float]:
        """By dns server: seconds from now until the client's answer is none of `away_from`."""
        started = monotonic_s()

        async def one(dns: str) -> float:
            while monotonic_s() - started < 15:
                address = await self.ask(dns, client)
                if address is not None and address not in away_from:
                    return monotonic_s() - started
                await asyncio.sleep(POLL_S)
            raise DemoFailed(f"{dns} still answers {client} with {', '.join(sorted(away_from))} after 15 s")

        return dict(zip(DNS_NAMES, await asyncio.gather(*(one(dns) for dns in DNS_NAMES)), strict=True))

    async def until_answered(self, client: IPv4Network, address: str) -> None:
        """Wait until both dns servers answer this client with that address."""

        async def answered() -> bool:
            return {await self.ask(dns, client) for dns in DNS_NAMES} == {address}

        await eventually(f"the answer {address} for {client}", answered, children=self.children)

    async def until_serving(self, servers: tuple[world.Server, ...]) -> float:
        """Seconds until the coordinator shows all of them as serving."""
        wanted = {server.address for server in servers}

        async def all_serve() -> bool:
            status = await self.admin.GetStatus(admin_pb2.GetStatusRequest(), timeout=5)
            return wanted <= {m.address for pool in status.pools for m in pool.members if m.serving}

        return await eventually("the servers' return", all_serve, children=self.children)

    async def until_agreed(self) -> float:
        """Seconds until all agents are heard, all members up, and both dns servers hold the coordinator's decision."""

        async def agreed() -> bool:
            try:
                status = await self.admin.GetStatus(admin_pb2.GetStatusRequest(), timeout=5)
            except grpc.aio.AioRpcError:
                return False
            members = [member for pool in status.pools for member in pool.members]
            return (
                len([site for site in status.sites if site.agents]) == len(world.PLACES) + 1
                and len(members) == len(world.SERVERS)
                and all(member.verdict == "up" for member in members)
                and len(status.dns_servers) == len(DNS_NAMES)
                and all(server.decision == status.decision for server in status.dns_servers)
            )

        return await eventually("the world's start", agreed, children=self.children, within_s=60)


@asynccontextmanager
async def open_stage(folder: Path) -> AsyncIterator[Stage]:
    """Choose ports, write the configuration, connect; at the end every process is killed."""
    http_port, admin_port = free_port(), free_port()
    dns_ports = {name: free_port() for name in DNS_NAMES}
    (folder / "gslb.yaml").write_text(world.configuration(http_port))
    children = Children(folder)
    async with AsyncExitStack() as stack:
        stack.callback(children.kill_all)
        channel = await stack.enter_async_context(rpc.channel(f"127.0.0.1:{admin_port}"))
        yield Stage(
            folder=folder,
            children=children,
            admin=AdminStub(channel),
            admin_port=admin_port,
            http_port=http_port,
            dns_ports=dns_ports,
            resolvers={
                name: await stack.enter_async_context(resolver("127.0.0.1", port)) for name, port in dns_ports.items()
            },
        )
