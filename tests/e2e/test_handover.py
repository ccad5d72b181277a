"""Dns servers that take over from each other, as real processes under load: not one query is lost."""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from support.dnsworld import facts_of, world
from support.load import Tally, load_on
from support.saved import save_world
from support.waiting import until

from gslb.cli.demo.children import free_port
from gslb.runtime.addresses import SocketAddress

DEADLINE_S = 60.0
NOBODY = "127.0.0.1:1"

DYING = """
import os, signal, sys
from dns_server.engines.native import NativeEngine
from dns_server.handover.line import Line, Word
from dns_server.handover.predecessor import Predecessor
from gslb.cli.main import main

def die(*_):
    print("at the point", file=sys.stderr, flush=True)
    os.kill(os.getpid(), int(sys.argv.pop()))

match sys.argv.pop(1):
    case "connected": Predecessor.sockets = die
    case "saved": Predecessor._take = die
    case "sockets passed": NativeEngine.start = die
    case "serving": Predecessor.let_go = die
    case point: raise ValueError(point)
main(sys.argv[1:-1])
"""
"""Ends, or stops for good, by the signal that is its last argument at the point that is its first one."""


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

    async def start_dying(self, point: str, by: signal.Signals) -> Server:
        return await self.start(str(by.value), program=("-c", DYING, point))

    async def serve(self, engine: str = "native") -> Server:
        server = await self.start(engine=engine)
        await server.said('"event": "answering"')
        return server


@asynccontextmanager
async def place_in(folder: Path) -> AsyncIterator[Place]:
    save_world(folder, world(), facts_of(world()))
    place = Place(folder)
    try:
        yield place
    finally:
        for process in place.started:
            if process.returncode is None:
                process.kill()
            await process.communicate()


async def more(tally: Tally, transport: str = "udp") -> None:
    """Until the load has got further."""
    before = tally.answered[transport]
    await until(lambda: tally.answered[transport] > before + 100)


async def test_no_query_is_lost_while_one_server_follows_the_other(tmp_path: Path) -> None:
    async with place_in(tmp_path) as place:
        server = await place.serve()
        async with load_on(place.address) as tally:
            for engine in ("native", "python", "python", "native", "native"):
                await more(tally)
                following = await place.serve(engine)
                assert await server.ended() == 0
                server = following
            await more(tally)
            await more(tally, "tcp")
        assert not tally.wrong
        assert tally.answered.keys() == {"udp", "tcp"}


async def test_a_successor_that_dies_or_hangs_leaves_the_work_to_the_old_server(tmp_path: Path) -> None:
    async with place_in(tmp_path) as place:
        old = await place.serve()
        async with load_on(place.address, sockets=2, each=4, tcp=1) as tally:
            for point in ("connected", "saved", "sockets passed"):
                dying = await place.start_dying(point, signal.SIGKILL)
                assert await dying.ended() == -signal.SIGKILL
                await old.said('"event": "hand-over given up, serving on"')
                await more(tally)
            hanging = await place.start_dying("sockets passed", signal.SIGSTOP)
            await hanging.said("at the point")
            await more(tally)
            await place.serve()  # there is room for another one
            assert await old.ended() == 0
            await more(tally)
        assert not tally.wrong


async def test_a_successor_that_is_killed_when_it_has_begun_to_serve_costs_no_more_than_it_had_received(
    tmp_path: Path,
) -> None:
    async with place_in(tmp_path) as place:
        old = await place.serve()
        async with load_on(place.address, sockets=2, each=4, tcp=1) as tally:
            await more(tally)
            dying = await place.start_dying("serving", signal.SIGKILL)
            assert await dying.ended() == -signal.SIGKILL
            await old.said('"event": "hand-over given up, serving on"')
            await more(tally)
            await more(tally, "tcp")
        in_its_hands = tally.wrong["udp: lost"] + tally.wrong["tcp: IncompleteReadError"]
        assert tally.wrong.total() == in_its_hands <= 2 * 4 + 1
