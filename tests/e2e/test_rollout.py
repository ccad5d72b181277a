"""Three dns servers as processes: a new configuration reaches one of them first, the others only if that one lives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import dns.asyncquery
import dns.exception
import dns.message
import grpc
import pytest
import pytest_asyncio

from gslb.api.v1 import admin_pb2 as pb
from gslb.api.v1.admin_pb2_grpc import AdminStub
from gslb.cli.demo.children import Children, eventually, free_port
from gslb.runtime import rpc
from gslb.runtime.signing_keys import make_pair
from gslb.runtime.tls import LOOPBACK_ONLY

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAMES = ("ns1", "ns2", "ns3")
START_S = 60.0
SERVERS = ("127.1.8.1", "127.1.8.2")
CONFIG = """
rollout: {{soak: {soak}}}
zones: [{{name: gslb.test, nameservers: [ns1.gslb.test], contact: ops@gslb.test,
         records: [{{name: ns1, type: A, data: 192.0.2.53}}, {{name: text, type: TXT, data: '"{text}"'}}]}}]
sites: [{{name: eu, location: {{latitude: 53.3, longitude: -6.3}}, probe_allow: [127.0.0.0/8]}}]
monitors: [{{name: web, type: http, port: {port}, path: /healthz, interval: 1500ms, rise: 1, failback: {{after: 0s}}}}]
pools:
  - {{name: web-eu, site: eu, monitor: web, members: [{{name: one, address: {0}}}, {{name: two, address: {1}}}]}}
services: [{{name: www.gslb.test, pools: [web-eu], answers: all}}]
"""


@dataclass(kw_only=True)
class World:
    folder: Path
    children: Children
    admin: AdminStub
    address: str
    http_port: int
    dns_ports: dict[str, int]
    signing: Path
    trusted: Path

    def write(self, text: str, soak: str) -> Path:
        config = self.folder / "gslb.yaml"
        config.write_text(CONFIG.format(*SERVERS, text=text, soak=soak, port=self.http_port))
        return config

    def gslb(self, *arguments: str) -> subprocess.Popen[str]:
        """A command of an operator's."""
        return subprocess.Popen(
            [sys.executable, "-m", "gslb.cli", *arguments, "--admin", self.address],
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    async def ended(self, command: subprocess.Popen[str], within_s: float = START_S) -> tuple[int, str]:
        async def over() -> bool:
            return command.poll() is not None

        await eventually("the end of a command", over, children=self.children, within_s=within_s)
        out, err = command.communicate()
        return command.returncode, out + err

    async def ask(self, name: str, owner: str, rrtype: str) -> frozenset[str]:
        query = dns.message.make_query(owner, rrtype)
        try:
            reply = await dns.asyncquery.udp(query, "127.0.0.1", port=self.dns_ports[name], timeout=0.5)
        except (dns.exception.Timeout, OSError):
            return frozenset()
        return frozenset(str(rdata).strip('"') for rrset in reply.answer for rdata in rrset)

    async def until_text(self, **texts: str) -> None:
        """Each of these dns servers serves that text."""

        async def said() -> bool:
            return all([await self.ask(name, "text.gslb.test", "TXT") == {text} for name, text in texts.items()])

        await eventually(f"the texts {texts}", said, children=self.children, within_s=START_S)

    async def texts(self, *names: str) -> set[str]:
        return {text for name in names for text in await self.ask(name, "text.gslb.test", "TXT")}

    async def until_answered(self, names: tuple[str, ...], *addresses: str) -> None:
        async def answered() -> bool:
            return all([await self.ask(name, "www.gslb.test", "A") == set(addresses) for name in names])

        await eventually(f"the answer {addresses}", answered, children=self.children, within_s=START_S)

    async def rollout(self) -> pb.Rollout:
        return (await self.admin.GetRollout(pb.GetRolloutRequest(), timeout=5)).rollout

    def start_dns(self, name: str) -> None:
        where = ("--listen", f"127.0.0.1:{self.dns_ports[name]}", "--coordinator", self.address)
        trusting = ("--trusted-keys", str(self.trusted)) if name == "ns1" else ()
        common = ("--name", name, "--data", str(self.folder / name), "--log-level", "info")
        self.children.start(name, "-m", "gslb.cli", "dns", *common, *where, *trusting)

    def start_coordinator(self) -> None:
        where = ("--admin", self.address, "--data", str(self.folder / "c"), "--signing-key", str(self.signing))
        self.children.start("c", "-m", "gslb.cli", "coordinator", "--name", "c", *where)

    def start_server(self, address: str) -> None:
        self.children.start(address, "-m", "gslb.cli.demo.server", address, str(self.http_port), address)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("rollout")
    address = f"127.0.0.1:{free_port()}"
    signing, trusted, _ = make_pair(folder, "one")
    async with AsyncExitStack() as stack:
        children = Children(folder)
        stack.callback(children.kill_all)
        admin = AdminStub(await stack.enter_async_context(rpc.channel(address, LOOPBACK_ONLY)))
        made = World(
            folder=folder,
            children=children,
            admin=admin,
            address=address,
            http_port=free_port(),
            dns_ports={name: free_port() for name in NAMES},
            signing=signing,
            trusted=trusted,
        )
        made.start_coordinator()
        for server in SERVERS:
            made.start_server(server)
        for name in NAMES:
            made.start_dns(name)
        agent = ("--site", "eu", "--coordinator", address, "--data", str(folder / "agent"))
        children.start("agent", "-m", "gslb.cli", "agent", *agent)

        async def up() -> bool:
            try:
                status = await admin.GetStatus(pb.GetStatusRequest(), timeout=2)
            except grpc.aio.AioRpcError:
                return False
            return [server.name for server in status.dns_servers] == list(NAMES)

        await eventually("all dns servers", up, children=children, within_s=START_S)
        code, said = await made.ended(made.gslb("apply", str(made.write("zero", "1s"))))
        assert code == 0, said
        await made.until_text(ns1="zero", ns2="zero", ns3="zero")
        await made.until_answered(NAMES, *SERVERS)
        yield made


async def test_an_apply_says_how_it_goes_and_ends_when_all_have_it(world: World) -> None:
    code, said = await world.ended(world.gslb("apply", str(world.write("one", "1s"))))
    assert code == 0, said
    assert "is on trial: dns server ns1" in said
    assert "is released to all" in said
    await world.until_text(ns1="one", ns2="one", ns3="one")


async def test_failover_goes_on_at_all_of_them_while_one_is_on_trial(world: World) -> None:
    code, _ = await world.ended(world.gslb("apply", "--no-wait", str(world.write("two", "100s"))))
    assert code == 0
    await world.until_text(ns1="two", ns2="one", ns3="one")
    world.children.kill(SERVERS[0])
    await world.until_answered(NAMES, SERVERS[1])
    world.start_server(SERVERS[0])
    await world.until_answered(NAMES, *SERVERS)
    code, said = await world.ended(world.gslb("rollout", "continue", "--why", "seen enough"))
    assert code == 0, said
    await world.until_text(ns1="two", ns2="two", ns3="two")


async def test_without_a_coordinator_each_keeps_what_it_has_and_with_it_the_trial_goes_on(world: World) -> None:
    before = (await world.rollout()).revision
    await world.ended(world.gslb("apply", "--no-wait", str(world.write("three", "100s"))))
    await world.until_text(ns1="three", ns2="two", ns3="two")
    world.children.kill("c", "ns1")
    world.start_dns("ns1")
    await world.until_text(ns1="three", ns2="two", ns3="two")
    world.start_coordinator()

    async def on_trial() -> bool:
        try:
            rollout = await world.rollout()
        except grpc.aio.AioRpcError:
            return False
        return (rollout.revision, rollout.stage) == (before + 1, pb.ROLLOUT_STAGE_TRIAL)

    await eventually("the trial", on_trial, children=world.children, within_s=START_S)
    code, said = await world.ended(world.gslb("rollout", "abort", "--why", "not this way"))
    assert code == 0, said
    await world.until_text(ns1="two", ns2="two", ns3="two")


async def test_what_stops_the_first_one_never_reaches_the_others(world: World) -> None:
    first = world.children.running["ns1"].pid
    applying = world.gslb("apply", str(world.write("four", "100s")))
    await world.until_text(ns1="four")
    os.kill(first, signal.SIGSTOP)
    try:
        code, said = await world.ended(applying)
        assert code == 1
        assert "was rolled back, dns server ns1 had it first: no coordinator hears it any more" in said
        assert await world.texts("ns2", "ns3") == {"two"}
        rollout = await world.rollout()
        assert rollout.in_force == rollout.revision + 1
    finally:
        os.kill(first, signal.SIGCONT)
    await world.until_text(ns1="two", ns2="two", ns3="two")


async def test_what_the_first_one_refuses_never_reaches_the_others(world: World) -> None:
    """It does not trust the coordinator any more, which is what a dns server can be brought to refuse."""
    _, other, _ = make_pair(world.folder, "two")
    world.trusted.write_bytes(other.read_bytes())

    async def distrusts() -> bool:
        return "trusted keys changed" in (world.folder / "ns1.log").read_text()

    await eventually("other keys", distrusts, children=world.children, within_s=START_S)
    code, said = await world.ended(world.gslb("apply", str(world.write("five", "100s"))))
    assert code == 1
    assert "was rolled back, dns server ns1 had it first: it refused it" in said
    assert await world.texts(*NAMES) == {"two"}
    status = await world.admin.GetStatus(pb.GetStatusRequest(), timeout=5)
    assert any("was rolled back, dns server ns1" in alarm for alarm in status.alarms)
