"""`gslb dns` as real processes, with saved files and nobody to ask."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from support.dnsworld import facts_of, world
from support.saved import save_world

from gslb.cli.demo.children import free_port
from gslb.runtime.addresses import SocketAddress

DEADLINE_S = 60.0
NOBODY = "127.0.0.1:1"


class Server:
    """A `gslb dns` process."""

    def __init__(self, process: Process) -> None:
        self.process = process

    async def said(self, event: str) -> None:
        """Wait for a line of its log. Raises AssertionError with all it said when it ends before."""
        assert self.process.stderr is not None
        lines = []
        async with asyncio.timeout(DEADLINE_S):
            while line := await self.process.stderr.readline():
                lines.append(line.decode())
                if event in lines[-1]:
                    return
        raise AssertionError(f"it never said '{event}':\n{''.join(lines)}")

    async def ended(self) -> int:
        async with asyncio.timeout(DEADLINE_S):
            return await self.process.wait()


class Place:
    """Where dns servers follow each other."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.address = SocketAddress("127.0.0.1", free_port())
        self.started: list[Process] = []

    async def start(
        self, *options: str, engine: str = "native", program: tuple[str, ...] = ("-m", "gslb.cli")
    ) -> Server:
        where = ("--listen", str(self.address), "--data", str(self.data), "--coordinator", NOBODY)
        arguments = (*program, "dns", *where, "--engine", engine, "--take-over", *options)
        process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE
        )
        self.started.append(process)
        return Server(process)

    async def serve(self, engine: str = "native", options: tuple[str, ...] = ()) -> Server:
        server = await self.start(*options, engine=engine)
        await server.said('"event": "answering"')
        return server


@asynccontextmanager
async def place_in(folder: Path, *, saved: bool = True) -> AsyncIterator[Place]:
    """`saved`: the world, in `folder`."""
    if saved:
        save_world(folder, world(), facts_of(world()))
    place = Place(folder)
    try:
        yield place
    finally:
        for process in place.started:
            if process.returncode is None:
                process.kill()
            await process.communicate()
