"""SIGKILL in the middle of 1,000 applies: afterwards the store holds exactly what was acknowledged.

A real process, real gRPC, a new kill at a random moment, until all applies are through. A call whose outcome was never
reported may be in the store or not.
"""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path

import grpc
from support.coordinators import CONFIG, files, make_offer

from gslb.api.v1 import admin_pb2 as pb
from gslb.api.v1.admin_pb2_grpc import AdminStub
from gslb.coordinator.configuration.retention import DEFAULT_LIMITS
from gslb.runtime import rpc

APPLIES = 1_000
KILLS = 12
DEADLINE_S = 30

PROCESS = """
import asyncio, sys
from pathlib import Path
from gslb.coordinator.main import run
from gslb.coordinator.options import Options
from gslb.runtime.addresses import SocketAddress
from gslb.runtime.logs import configure

configure("error", json=True)
options = Options(name="c1", listen=SocketAddress("127.0.0.1", 0), data=Path(sys.argv[1]))
asyncio.run(run(options, on_ready=lambda bound: print(bound.port, flush=True)))
"""


class Coordinator:
    """A coordinator process with a stub to it."""

    def __init__(self, process: Process, admin: AdminStub) -> None:
        self.process = process
        self.admin = admin

    async def apply(self, number: int) -> int | None:
        """Apply the configuration with this number; its revision, or None when the outcome was never reported."""
        contents = files(text_of(number))
        call = self.admin.Apply(timeout=DEADLINE_S)
        try:
            await call.write(pb.ApplyRequest(offer=make_offer(contents, message=str(number))))
            wanted = (await call.read()).wanted.sha256
            by_digest = {sha256(content).digest(): content for content in contents.values()}
            for digest in wanted:
                data = pb.FileData(sha256=digest, content=by_digest[digest])
                await call.write(pb.ApplyRequest(data=data))
            response = await call.read()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return None
        assert response.HasField("applied"), response
        assert not response.applied.unchanged
        return int(response.applied.order.config)

    async def stored(self, revision: int = 0) -> pb.GetConfigResponse:
        return await self.admin.GetConfig(pb.GetConfigRequest(revision=revision), timeout=DEADLINE_S)


def text_of(number: int) -> str:
    return CONFIG.replace('"one"', f'"number {number}"')


@asynccontextmanager
async def started(folder: Path) -> AsyncIterator[Coordinator]:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", PROCESS, str(folder), stdout=PIPE)
    try:
        assert process.stdout is not None
        async with asyncio.timeout(DEADLINE_S):
            port = int(await process.stdout.readline())
        async with rpc.channel(f"127.0.0.1:{port}") as channel:
            yield Coordinator(process, AdminStub(channel))
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()


async def check(coordinator: Coordinator, acknowledged: dict[int, int], unknown: set[int]) -> None:
    """In force is the last one acknowledged, or the one whose outcome is not known; kept are those before it."""
    revision, last = (await coordinator.stored()).revision, max(acknowledged)
    if revision != last:
        assert revision == last + 1
        (acknowledged[revision],) = unknown
    for kept in range(max(1, revision - DEFAULT_LIMITS.revisions + 1), revision + 1):
        assert (await coordinator.stored(kept)).files[0].text == text_of(acknowledged[kept])


async def test_sigkill_during_a_thousand_applies(tmp_path: Path) -> None:
    chance = random.Random(1)
    acknowledged: dict[int, int] = {}
    unknown: set[int] = set()
    number = kills = 0
    while number < APPLIES:
        async with started(tmp_path) as coordinator:
            if acknowledged:
                await check(coordinator, acknowledged, unknown)
            unknown.clear()
            doomed = kills < KILLS
            if doomed:
                kills += 1
                kill = coordinator.process.send_signal
                asyncio.get_running_loop().call_later(chance.uniform(0.1, 1.0), kill, signal.SIGKILL)
            while number < APPLIES and not unknown:
                number += 1
                revision = await coordinator.apply(number)
                if revision is None:
                    unknown.add(number)
                else:
                    assert revision == max(acknowledged, default=0) + 1
                    acknowledged[revision] = number
            if doomed:
                await coordinator.process.wait()
    async with started(tmp_path) as coordinator:
        await check(coordinator, acknowledged, unknown)
    assert kills == KILLS
    assert len(acknowledged) >= APPLIES - KILLS
