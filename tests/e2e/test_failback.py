"""Manual failback as a user meets it: a server dies, comes back, stays out, and is taken back by a command."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import dns.exception
import dns.message
import dns.query

from gslb.cli.demo.children import Children, eventually, free_port

NAME = "www.gslb.example.com"
ONE, TWO = "127.2.3.1", "127.2.3.2"
CONFIG = """\
zones: [{{name: gslb.example.com, nameservers: [ns.example.net], contact: hostmaster@example.com}}]
sites: [{{name: us}}]
monitors:
  - {{name: web, type: http, port: {port}, path: /healthz, interval: 300ms, timeout: 200ms, failback: {{after: 1s}}}}
pools:
  - name: web-us
    site: us
    monitor: web
    failback: {{mode: manual}}
    members: [{{name: us1, address: {one}}}, {{name: us2, address: {two}}}]
services: [{{name: {name}, pools: [web-us], answers: all}}]
"""


class World:
    """`gslb up` with two servers in one pool."""

    def __init__(self, folder: Path) -> None:
        self.children = Children(folder)
        self._log = folder / "up.log"
        self.http, self.dns, self.admin = free_port(), free_port(), free_port()
        config = folder / "gslb.yaml"
        config.write_text(CONFIG.format(port=self.http, one=ONE, two=TWO, name=NAME))
        self.serve("us1", ONE)
        self.serve("us2", TWO)
        ports = ("--listen", f"127.0.0.1:{self.dns}", "--admin", f"127.0.0.1:{self.admin}")
        self.children.start("up", "-m", "gslb.cli", "up", *ports, "-f", str(config), "--data", str(folder / "data"))

    def serve(self, name: str, address: str) -> None:
        self.children.start(name, "-m", "gslb.cli.demo.server", address, str(self.http), name)

    def gslb(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "gslb.cli", *arguments, "--admin", f"127.0.0.1:{self.admin}"]
        return subprocess.run(command, capture_output=True, text=True, timeout=30)

    async def until_noted(self) -> None:
        """Until the leader has noted somebody down: who is back before that need not wait."""

        async def noted() -> bool:
            return "members noted down" in self._log.read_text()

        await self.eventually("the leader to note who is down", noted)

    def ask(self) -> list[str]:
        try:
            answer = dns.query.udp(dns.message.make_query(NAME, "A"), "127.0.0.1", port=self.dns, timeout=2)
        except (OSError, dns.exception.DNSException):
            return []
        return sorted(str(rdata) for rrset in answer.answer for rdata in rrset)

    async def until_answered(self, *addresses: str) -> None:
        async def answered() -> bool:
            return self.ask() == [*addresses]

        await self.eventually(f"the answer {addresses}", answered)

    async def eventually(self, what: str, holds: Callable[[], Awaitable[bool]]) -> None:
        await eventually(what, holds, children=self.children, within_s=40)


async def test_a_server_that_came_back_waits_for_an_operator(tmp_path: Path) -> None:
    world = World(tmp_path)

    async def waits() -> bool:
        latches = json.loads(world.gslb("failback", "--json").stdout or "{}").get("latches", [])
        assert world.ask() == [TWO]
        return [(latch["pool"], latch["member"]) for latch in latches] == [("web-us", "us1")]

    try:
        await world.until_answered(ONE, TWO)
        world.children.kill("us1")
        await world.until_answered(TWO)
        await world.until_noted()
        world.serve("us1", ONE)
        await world.eventually("us1 waiting", waits)
        assert "waits for failback" in world.gslb("status").stdout
        released = world.gslb("failback", "web-us", "--why", "mended")
        assert released.returncode == 0, released.stderr
        assert "1 taken back" in released.stdout
        await world.until_answered(ONE, TWO)
        refused = world.gslb("failback", "web-us/us1")
        assert refused.returncode == 1
        assert "waits for failback; waiting: none" in refused.stderr
    finally:
        world.children.kill_all()
