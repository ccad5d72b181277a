"""A site whose only agent is gone: verdicts stay or lapse, as each monitor's `unknown` says. Real processes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import pytest
from google.protobuf import json_format

from gslb.api.v1 import admin_pb2 as pb
from gslb.cli.demo.children import Children, eventually, free_port

KEPT, LAPSING, OTHER = "127.2.4.1", "127.2.4.2", "127.2.4.3"
CONFIG = """\
zones: [{{name: gslb.test, nameservers: [ns.example.net], contact: ops@gslb.test}}]
defaults: {{failback: {{after: 1s}}}}
sites: [{{name: us, probe_allow: 127.0.0.0/8}}, {{name: eu, probe_allow: 127.0.0.0/8}}]
monitors:
  - {{name: keeping, type: tcp, port: {port}, interval: 300ms, timeout: 200ms, unknown: keep}}
  - {{name: lapsing, type: tcp, port: {port}, interval: 300ms, timeout: 200ms, unknown: {{down_after: 10s}}}}
pools:
  - {{name: kept, site: us, monitor: keeping, members: [{{name: m, address: {kept}}}]}}
  - {{name: lapses, site: us, monitor: lapsing, members: [{{name: m, address: {lapsing}}}]}}
  - {{name: other, site: eu, monitor: keeping, members: [{{name: m, address: {other}}}]}}
services:
  - {{name: kept.gslb.test, pools: [kept, other], steering: [{{priority: [kept, other]}}]}}
  - {{name: lapses.gslb.test, pools: [lapses, other], steering: [{{priority: [lapses, other]}}]}}
"""


class World:
    """A coordinator, an agent at each of two sites, and a dns server."""

    def __init__(self, folder: Path) -> None:
        self.children, self._folder = Children(folder), folder
        self.http, self.dns, self.admin = free_port(), free_port(), free_port()
        text = CONFIG.format(port=self.http, kept=KEPT, lapsing=LAPSING, other=OTHER)
        (folder / "gslb.yaml").write_text(text)
        for address in (KEPT, LAPSING, OTHER):
            self.children.start(address, "-m", "gslb.cli.demo.server", address, str(self.http), address)
        at = f"127.0.0.1:{self.admin}"
        self._start("coordinator", "--admin", at, "-f", str(folder / "gslb.yaml"))
        self._start("dns", "--coordinator", at, "--listen", f"127.0.0.1:{self.dns}")
        self.start_agent("us")
        self.start_agent("eu")

    def start_agent(self, site: str) -> None:
        self._start("agent", "--site", site, "--coordinator", f"127.0.0.1:{self.admin}", name=site)

    def _start(self, part: str, *arguments: str, name: str = "") -> None:
        data = ("--data", str(self._folder / f"{part}{name}"))
        self.children.start(name or part, "-m", "gslb.cli", part, *arguments, *data)

    async def status(self) -> pb.GetStatusResponse:
        command = [sys.executable, "-m", "gslb.cli", "status", "--json", "--admin", f"127.0.0.1:{self.admin}"]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=30, check=True)
        return json_format.Parse(done.stdout, pb.GetStatusResponse())

    async def until_reported(self) -> None:
        """What was never probed serves too, where there is nothing better."""

        async def reported() -> bool:
            sites = (await self.status()).sites
            return all(any(agent.sequence for agent in site.agents) for site in sites)

        await self.until("reports of every site", reported)

    async def answer(self, service: str) -> str:
        query = dns.message.make_query(f"{service}.gslb.test", "A")
        try:
            reply = await asyncio.to_thread(dns.query.udp, query, "127.0.0.1", 2, self.dns)
        except (OSError, dns.exception.DNSException):
            return ""
        return ", ".join(str(record) for rrset in reply.answer for record in rrset)

    async def until_answered(self, service: str, address: str) -> None:
        async def answered() -> bool:
            return await self.answer(service) == address

        await self.until(f"{service} at {address}", answered)

    async def until(self, what: str, holds: Callable[[], Awaitable[bool]]) -> None:
        await eventually(what, holds, children=self.children, within_s=60)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.children.kill_all()


async def test_verdicts_that_nobody_can_renew(world: World) -> None:
    await world.until_answered("kept", KEPT)
    await world.until_reported()
    await world.until_answered("lapses", LAPSING)
    world.children.kill("us")
    await world.until_answered("lapses", OTHER)
    assert await world.answer("kept") == KEPT
    (alarm,) = [text for text in (await world.status()).alarms if text.startswith("agent us/")]
    assert alarm.endswith("no agent of its site is heard, verdicts there of monitor lapsing have lapsed")
    world.start_agent("us")
    await world.until_answered("lapses", LAPSING)
    assert await world.answer("kept") == KEPT
