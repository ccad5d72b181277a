"""Every process with a certificate of its own: from `gslb pki` to an answer, and through renewals."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import dns.message
import dns.query
import pytest

from gslb.cli.demo.children import Children, eventually, free_port

START_S = 60
CONFIG = """
zones:
  - name: gslb.test
    nameservers: [ns1.gslb.test]
    contact: ops@gslb.test
    records: [{name: ns1, type: A, data: 192.0.2.53}]
sites: [{name: us, location: {latitude: 39.0, longitude: -77.5}}]
pools: [{name: web, site: us, members: [{name: us1, address: 192.0.2.10}]}]
services: [{name: www.gslb.test, pools: [web]}]
access: [{operator: olga, role: operator}]
"""


class World:
    """A coordinator, an agent and a dns server, each with its folder of certificates."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pki = folder / "pki"
        self.children = Children(folder)
        self.admin, self.dns, self.metrics = free_port(), free_port(), free_port()
        (folder / "gslb.yaml").write_text(CONFIG)

    def gslb(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "gslb.cli", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=START_S, check=False)

    def as_operator(self, name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        where = ("--admin", f"127.0.0.1:{self.admin}", "--tls", self.pki / "operator" / name)
        return self.gslb(*arguments, *where)

    def issue(self) -> None:
        done = [self.gslb("pki", "init", "--dir", self.pki, "--domain", "aya.test")]
        names = ("coordinator c1", "agent us/a1", "dns ns1", "operator admin", "operator olga")
        done += [self.gslb("pki", "issue", *name.split(), "--dir", self.pki) for name in names]
        assert [one.returncode for one in done] == [0] * len(done), [one.stderr for one in done]

    def start(self, name: str, *arguments: str) -> None:
        data = ("--data", str(self.folder / name), "--log-level", "info")
        self.children.start(name, "-m", "gslb.cli", *arguments, *data)

    def start_coordinator(self) -> None:
        tls = str(self.pki / "coordinator" / "c1")
        self.start("coordinator", "coordinator", "--name", "c1", "--admin", f"127.0.0.1:{self.admin}", "--tls", tls)

    def start_agent(self) -> None:
        tls, metrics = str(self.pki / "agent" / "us" / "a1"), f"127.0.0.1:{self.metrics}"
        where = ("--coordinator", f"127.0.0.1:{self.admin}", "--metrics", metrics, "--tls", tls)
        self.start("agent", "agent", "--site", "us", "--name", "a1", *where)

    def start_dns(self) -> None:
        tls, listen = str(self.pki / "dns" / "ns1"), f"127.0.0.1:{self.dns}"
        where = ("--coordinator", f"127.0.0.1:{self.admin}", "--listen", listen, "--tls", tls)
        self.start("dns", "dns", "--name", "ns1", *where)

    async def status(self) -> dict[str, object] | None:
        done = await asyncio.to_thread(self.as_operator, "olga", "status", "--json")
        return json.loads(done.stdout) if done.returncode == 0 else None

    async def agreed(self) -> bool:
        """The agent is heard and the dns server serves what was applied."""
        status = await self.status()
        if status is None:
            return False
        agents = [agent for site in status["sites"] for agent in site["agents"]]
        servers = [server["connected"] and server["decision"] == status["decision"] for server in status["dns_servers"]]
        return [agent["silent"] for agent in agents] == [False] and servers == [True]

    async def until(self, what: str, holds: Callable[[], Awaitable[bool]]) -> None:
        await eventually(what, holds, children=self.children, within_s=START_S)

    async def answers(self) -> bool:
        query = dns.message.make_query("www.gslb.test", "A")
        try:
            reply = await asyncio.to_thread(dns.query.udp, query, "127.0.0.1", 1, self.dns)
        except (OSError, dns.exception.Timeout):
            return False
        return [str(record) for rrset in reply.answer for record in rrset] == ["192.0.2.10"]

    def agent_metric(self, name: str) -> float:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/metrics", timeout=5) as page:
            lines = page.read().decode().splitlines()
        return float(next(line for line in lines if line.startswith(f"{name} ")).split()[1])

    async def agent_is_back(self) -> bool:
        try:
            return self.agent_metric("gslb_agent_connected_coordinators") == 1
        except OSError:  # its page is not up yet
            return False


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.children.kill_all()


async def test_from_certificates_to_an_answer_and_through_renewals(world: World) -> None:
    await asyncio.to_thread(world.issue)
    world.start_coordinator()
    await world.until("the coordinator", lambda: has(world.status()))
    refused = await asyncio.to_thread(world.as_operator, "olga", "apply", world.folder / "gslb.yaml")
    assert refused.returncode == 1
    assert "needs admin" in refused.stderr
    applied = await asyncio.to_thread(world.as_operator, "admin", "apply", world.folder / "gslb.yaml")
    assert applied.returncode == 0, applied.stderr
    world.start_agent()
    world.start_dns()
    await world.until("agent and dns server", world.agreed)
    await world.until("the answer", world.answers)
    await through_renewals(world)
    await without_a_certificate(world)


async def through_renewals(world: World) -> None:
    """All certificates, with new keys, while everything is connected: nobody is cut off, and new ones get in."""
    before = world.agent_metric("gslb_certificate_expiry_timestamp_seconds")
    for place in ("coordinator/c1", "agent/us/a1", "dns/ns1", "operator/olga"):
        renew = ("pki", "renew", world.pki / place, "--dir", world.pki, "--days", "200", "--new-key")
        renewed = await asyncio.to_thread(world.gslb, *renew)
        assert renewed.returncode == 0, renewed.stderr
    assert await world.agreed()
    assert world.agent_metric("gslb_agent_disconnects_total") == 0
    assert world.agent_metric("gslb_certificate_expiry_timestamp_seconds") >= before
    world.children.kill("agent")
    world.start_agent()
    await world.until("the agent with its new key", world.agent_is_back)
    assert world.agent_metric("gslb_certificate_expiry_timestamp_seconds") > before + 100 * 86_400


async def without_a_certificate(world: World) -> None:
    """A dns server whose certificate is broken is heard no more, and answers all the same after a restart."""
    world.children.kill("dns")
    (world.pki / "dns" / "ns1" / "cert.pem").write_text("broken")
    world.start_dns()
    await world.until("the answer from the files", world.answers)
    nobody = await asyncio.to_thread(world.gslb, "status", "--admin", f"127.0.0.1:{world.admin}")
    assert nobody.returncode == 1
    assert "do not trust each other" in nobody.stderr
    audit = await asyncio.to_thread(world.as_operator, "admin", "audit", "--json")
    entries = [(one["who"], one["action"], one["outcome"][:7]) for one in json.loads(audit.stdout)["entries"]]
    assert entries == [("operator/admin", "apply", "done"), ("operator/olga", "Apply", "refused")]


async def has(what: Awaitable[object]) -> bool:
    return await what is not None
