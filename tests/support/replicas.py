"""Three coordinators on real etcd, two dns servers, an agent and two web servers, as processes to kill and to stop.

The agent and the dns servers are told of coordinator `a` only; of the others they learn. With an authority each process
has a certificate of its own, without one all trust whoever is on this machine.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path

import grpc
from support.certificates import Pki
from support.etcd import Cluster

from gslb.api.v1 import admin_pb2 as pb
from gslb.api.v1 import facts_pb2
from gslb.api.v1.admin_pb2_grpc import AdminStub
from gslb.cli import applying
from gslb.cli.demo.children import Children, eventually, free_port
from gslb.cli.demo.resolver import Resolver, resolver
from gslb.coordinator.peers.roster import LEADER
from gslb.core.identity.names import Kind
from gslb.runtime import rpc
from gslb.runtime.tls import LOOPBACK_ONLY, Security
from gslb.store.base import ELECTIONS

NAMES = ("a", "b", "c")
DNS_NAMES = ("dns-1", "dns-2")
SERVICE = "www.gslb.test"
CLIENT = IPv4Network("192.0.2.0/24")
SERVERS = ("127.1.9.1", "127.1.9.2")
START_S = 60.0
CONFIG = """
zones: [{{name: gslb.test, nameservers: [ns1.gslb.test], contact: ops@gslb.test,
         records: [{{name: ns1, type: A, data: 192.0.2.53}}]}}]
sites:
  - {{name: eu, location: {{latitude: 53.3, longitude: -6.3}}, probe_allow: [127.0.0.0/8]}}
  - {{name: us, location: {{latitude: 39.0, longitude: -77.5}}}}
monitors: [{{name: web, type: http, port: {port}, path: /healthz, interval: 1500ms, rise: 1, failback: {failback}}}]
pools: [{{name: web-eu, site: eu, monitor: web, members: [{{name: one, address: {0}}}, {{name: two, address: {1}}}]}}]
services: [{{name: www.gslb.test, pools: [web-eu], answers: all}}]
"""


@dataclass(slots=True, kw_only=True)
class Replicas:
    folder: Path
    children: Children
    store: str
    http_port: int
    ports: dict[str, int]
    dns_ports: dict[str, int]
    resolvers: dict[str, Resolver]
    members: Cluster
    stack: AsyncExitStack
    pki: Pki | None = None
    securities: dict[str, Security] = field(default_factory=dict)
    admins: dict[str, AdminStub] = field(default_factory=dict)

    async def start_all(self) -> None:
        for name in NAMES:
            await self.start_coordinator(name)
        for address in SERVERS:
            self.start_server(address)
        await self.answers("a")
        await self.apply("a")
        self.start_agent()
        for name in DNS_NAMES:
            self.start_dns(name)
        await self.until_answered(*SERVERS)

    async def apply(self, by: str, more: str = "", failback: str = "{after: 0s}") -> int:
        """The configuration with something behind it; its revision."""
        config = self.folder / "gslb.yaml"
        config.write_text(CONFIG.format(*SERVERS, port=self.http_port, failback=failback) + more)
        applied = await applying.apply(self.admins[by], config, applying.read(config), applying.Change(author="test"))
        assert not isinstance(applied, applying.Refusal)
        return applied.order.config

    def address(self, coordinator: str) -> str:
        return f"127.0.0.1:{self.ports[coordinator]}"

    async def start_coordinator(self, name: str) -> None:
        self.ports.setdefault(name, free_port())
        where = ("--admin", self.address(name), "--store", self.store)
        self._start(name, Kind.COORDINATOR, name, "--name", name, *where)
        if name not in self.admins:
            channel = rpc.channel(self.address(name), self.security(Kind.OPERATOR, "admin"))
            self.admins[name] = AdminStub(await self.stack.enter_async_context(channel))

    def start_agent(self, name: str = "agent") -> None:
        where = ("--site", "eu", "--name", name, "--coordinator", self.address("a"))
        self._start(name, Kind.AGENT, f"eu/{name}", *where)

    def start_dns(self, name: str) -> None:
        listen = f"127.0.0.1:{self.dns_ports[name]}"
        self._start(name, Kind.DNS, name, "--name", name, "--listen", listen, "--coordinator", self.address("a"))

    def start_server(self, address: str) -> None:
        self.children.start(address, "-m", "gslb.cli.demo.server", address, str(self.http_port), address)

    def _start(self, name: str, kind: Kind, identity: str, *arguments: str) -> None:
        """A process of that kind, which is also its command, with its certificate if there are any."""
        common = ["--data", str(self.folder / name), "--log-level", "info"]
        files = self.security(kind, identity).files
        if files is not None:
            common += ["--tls", str(files.certificate.parent)]
        self.children.start(name, "-m", "gslb.cli", kind, *arguments, *common)

    def security(self, kind: Kind, identity: str) -> Security:
        """By the certificate of that name, made when it is first asked for."""
        if self.pki is None:
            return LOOPBACK_ONLY
        full = f"{kind}/{identity}"
        if full not in self.securities:
            self.securities[full] = self.pki.issue(kind, identity)
        return self.securities[full]

    def signal(self, name: str, number: signal.Signals) -> None:
        os.kill(self.children.running[name].pid, number)

    async def status(self, coordinator: str) -> pb.GetStatusResponse | None:
        """None when it does not answer."""
        try:
            return await self.admins[coordinator].GetStatus(pb.GetStatusRequest(), timeout=2)
        except grpc.aio.AioRpcError:
            return None

    async def answers(self, coordinator: str) -> None:
        async def does() -> bool:
            return await self.status(coordinator) is not None

        await eventually(f"coordinator {coordinator}", does, children=self.children, within_s=START_S)

    async def leader(self, asked: str) -> str:
        """As the coordinator that is asked knows; '' = nobody."""
        status = await self.status(asked)
        return next((one.name for one in status.coordinators if one.leads), "") if status is not None else ""

    async def until_led(self, asked: str, *, not_by: str = "") -> str:
        async def led() -> bool:
            return await self.leader(asked) not in ("", not_by)

        await eventually("a leader", led, children=self.children, within_s=START_S)
        return await self.leader(asked)

    async def depose(self, leader: str, asked: str) -> str:
        """Who leads instead, at once: the leader's lease ends now, and not when it would have run out by itself."""
        await asyncio.to_thread(self.members.end_leases, f"{self.folder.name}/keys/{ELECTIONS}{LEADER}")
        return await self.until_led(asked, not_by=leader)

    async def until_whole(self, *coordinators: str) -> None:
        """Each of these hears the agent itself, both dns servers, and all others of these."""

        async def whole() -> bool:
            found = [await self.status(name) for name in coordinators]
            return all(status is not None and _is_whole(status, coordinators) for status in found)

        await eventually("streams to everyone", whole, children=self.children, within_s=START_S)

    async def until_agents(self, *agents: str) -> None:
        """All coordinators hear these."""

        async def heard() -> bool:
            found = [await self.status(name) for name in NAMES]
            return all(status is not None and _heard(status) == set(agents) for status in found)

        await eventually(f"agents {agents}", heard, children=self.children, within_s=START_S)

    async def forget(self, asked: str, agent: str) -> None:
        """By the command, as soon as nobody hears the agent any more."""
        command = ("-m", "gslb.cli", "agent", "forget", agent, "--admin", self.address(asked))

        async def forgotten() -> bool:
            process = await asyncio.create_subprocess_exec(sys.executable, *command, stderr=asyncio.subprocess.PIPE)
            _, said = await process.communicate()
            assert process.returncode == 0 or b"is being heard" in said, said
            return process.returncode == 0

        await eventually(f"that {agent} is forgotten", forgotten, children=self.children, within_s=START_S)

    async def ask(self, dns_name: str) -> frozenset[str]:
        reply = await self.resolvers[dns_name].ask(SERVICE, CLIENT)
        return frozenset(reply.addresses) if reply is not None else frozenset()

    async def until_answered(self, *addresses: str) -> float:
        """Seconds until both dns servers answer with exactly these."""

        async def answered() -> bool:
            return all([await self.ask(name) == set(addresses) for name in DNS_NAMES])

        return await eventually(f"the answer {addresses}", answered, children=self.children, within_s=START_S)

    async def lose_a_server(self) -> float:
        """Kill one and see it go from the answers, then come back; seconds until it was gone."""
        lost, left = SERVERS
        self.children.kill(lost)
        took_s = await self.until_answered(left)
        self.start_server(lost)
        await self.until_answered(*SERVERS)
        return took_s


def _heard(status: pb.GetStatusResponse) -> set[str]:
    return {agent.agent for site in status.sites for agent in site.agents if not agent.silent}


def _is_whole(status: pb.GetStatusResponse, coordinators: tuple[str, ...]) -> bool:
    agents = [agent for site in status.sites for agent in site.agents]
    away = {one.name for one in status.coordinators if not one.connected}
    return (
        len(agents) == 1
        and not (agents[0].silent or agents[0].elsewhere)
        and {server.name for server in status.dns_servers if server.connected} == set(DNS_NAMES)
        and set(coordinators) <= {one.name for one in status.coordinators} - away
    )


def drain(duration_s: int = 0) -> pb.SetOverrideRequest:
    scope = facts_pb2.Scope(kind=facts_pb2.SCOPE_KIND_MEMBER, name="web-eu/one")
    return pb.SetOverrideRequest(
        scope=scope, action=facts_pb2.OVERRIDE_ACTION_DRAIN, who="ann", why="work", duration_s=duration_s
    )


def undrain() -> pb.ClearOverrideRequest:
    return pb.ClearOverrideRequest(scope=drain().scope, who="ann", why="done")


@asynccontextmanager
async def replicas(folder: Path, members: Cluster, pki: Pki | None = None) -> AsyncIterator[Replicas]:
    """All up and serving; every process is killed at the end."""
    dns_ports = {name: free_port() for name in DNS_NAMES}
    async with AsyncExitStack() as stack:
        children = Children(folder)
        stack.callback(children.kill_all)
        resolvers = {
            name: await stack.enter_async_context(resolver("127.0.0.1", port)) for name, port in dns_ports.items()
        }
        made = Replicas(
            folder=folder,
            children=children,
            store=f"etcd://{','.join(map(str, members.endpoints))}/{folder.name}",
            http_port=free_port(),
            ports={},
            dns_ports=dns_ports,
            resolvers=resolvers,
            members=members,
            stack=stack,
            pki=pki,
        )
        await made.start_all()
        yield made
