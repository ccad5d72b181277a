"""A coordinator's machine is lost, and what it held comes back from a backup while a dns server goes on answering."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import dns.asyncquery
import dns.exception
import dns.message
import grpc

from gslb.api.v1 import admin_pb2 as pb
from gslb.api.v1.admin_pb2_grpc import AdminStub
from gslb.cli.demo.children import Children, eventually, free_port
from gslb.codec.facts import load_order
from gslb.core.order import Order
from gslb.runtime import rpc

NAME = "www.gslb.test"
FIRST, SECOND = "192.0.2.1", "192.0.2.2"
CONFIG = f"""
zones:
  - name: gslb.test
    nameservers: [ns1.gslb.test]
    contact: ops@gslb.test
    records: [{{name: ns1, type: A, data: 192.0.2.53}}]
pools:
  - {{name: first, members: [{{name: a, address: {FIRST}}}]}}
  - {{name: second, members: [{{name: b, address: {SECOND}}}]}}
services:
  - {{name: {NAME}, pools: [first, second], steering: [{{priority: [[first], [second]]}}]}}
"""


class World:
    """A coordinator and a dns server, each with its own folder, and the commands of an operator."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.children = Children(folder)
        self.admin, self.dns = free_port(), free_port()
        (folder / "gslb.yaml").write_text(CONFIG)

    def start_coordinator(self) -> None:
        self.children.start("coordinator", "-m", "gslb.cli", "coordinator", *self._admin, "--data", self.path("c"))

    def start_dns(self) -> None:
        ports = ("--listen", f"127.0.0.1:{self.dns}", "--coordinator", f"127.0.0.1:{self.admin}")
        self.children.start("dns", "-m", "gslb.cli", "dns", *ports, "--data", self.path("d"))

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def gslb(self, *arguments: str) -> str:
        """What a command says; it must succeed."""
        command = [sys.executable, "-m", "gslb.cli", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def operate(self, *arguments: str) -> str:
        return self.gslb(*arguments, *self._admin)

    async def status(self) -> pb.GetStatusResponse:
        """Empty while nobody answers."""
        try:
            async with rpc.channel(f"127.0.0.1:{self.admin}") as channel:
                return await AdminStub(channel).GetStatus(pb.GetStatusRequest(), timeout=2)
        except grpc.aio.AioRpcError:
            return pb.GetStatusResponse()

    async def answers(self) -> str:
        query = dns.message.make_query(NAME, "A")
        answer = await dns.asyncquery.udp(query, "127.0.0.1", port=self.dns, timeout=2)
        return str(answer.answer[0][0]) if answer.answer else ""

    async def until_answered(self, address: str) -> None:
        async def answered() -> bool:
            try:
                return await self.answers() == address
            except (dns.exception.DNSException, OSError):
                return False

        await eventually(f"the answer {address}", answered, children=self.children)

    async def until_up(self) -> None:
        """The coordinator knows the dns server."""

        async def known() -> bool:
            return bool((await self.status()).dns_servers)

        await eventually("the dns server has found the coordinator", known, children=self.children)

    async def until_agreed(self) -> Order:
        """The dns server serves what the coordinator has in force."""
        order = Order()

        async def agreed() -> bool:
            nonlocal order
            status = await self.status()
            order = load_order(status.order)
            return [load_order(server.order) for server in status.dns_servers if server.connected] == [order]

        await eventually("the dns server serves what is in force", agreed, children=self.children)
        return order

    @property
    def _admin(self) -> tuple[str, str]:
        return ("--admin", f"127.0.0.1:{self.admin}")


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    made = World(folder)
    try:
        made.start_coordinator()
        made.start_dns()
        await made.until_up()
        yield made
    finally:
        made.children.kill_all()


async def test_a_lost_coordinator_comes_back_from_a_backup(tmp_path: Path) -> None:
    async with world(tmp_path) as there:
        there.operate("apply", there.path("gslb.yaml"), "-m", "begin")
        await there.until_answered(FIRST)
        there.operate("drain", "pool", "first", "--why", "works")
        await there.until_answered(SECOND)
        assert "configuration 1 in force" in there.operate("backup", there.path("backup"))
        (tmp_path / "gslb.yaml").write_text(CONFIG + "# after the backup\n")
        there.operate("apply", there.path("gslb.yaml"))
        before = await there.until_agreed()
        assert before.config == 2

        there.children.kill("coordinator")
        shutil.rmtree(tmp_path / "c")
        assert await there.answers() == SECOND
        there.gslb("restore", there.path("backup"), "--data", there.path("c"))
        there.start_coordinator()

        after = await there.until_agreed()
        assert after.incarnation > before.incarnation
        assert after.config == 1
        assert after > before
        status = await there.status()
        assert [(override.scope.name, override.why) for override in status.overrides] == [("first", "works")]
        assert not [alarm for alarm in status.alarms if "dns server" in alarm]
        assert "begin" in there.operate("history")
        assert await there.answers() == SECOND
        there.operate("undrain", "pool", "first")
        await there.until_answered(FIRST)
        there.children.check_alive()
