"""Dns servers that take over from each other, as real processes under load: not one query is lost."""

from __future__ import annotations

import signal
from pathlib import Path

from support.dnsprocesses import Place, Server, place_in
from support.load import Tally, load_on
from support.waiting import until

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
IN_ITS_HANDS = ("udp: lost", "tcp: IncompleteReadError", "tcp: ConnectionResetError")
"""What becomes of a query that a server had received when it was killed."""


async def start_dying(place: Place, point: str, by: signal.Signals) -> Server:
    return await place.start(str(by.value), program=("-c", DYING, point))


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
                dying = await start_dying(place, point, signal.SIGKILL)
                assert await dying.ended() == -signal.SIGKILL
                await old.said('"event": "hand-over given up, serving on"')
                await more(tally)
            hanging = await start_dying(place, "sockets passed", signal.SIGSTOP)
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
            dying = await start_dying(place, "serving", signal.SIGKILL)
            assert await dying.ended() == -signal.SIGKILL
            await old.said('"event": "hand-over given up, serving on"')
            await more(tally)
            await more(tally, "tcp")
        assert tally.wrong.total() == sum(tally.wrong[how] for how in IN_ITS_HANDS) <= 2 * 4 + 1
