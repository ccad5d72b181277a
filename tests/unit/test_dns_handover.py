"""Hand-over inside this process: who may have the folder, the words that are said, and files that never go back."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import dns.asyncquery
import pytest
from prometheus_client import CollectorRegistry
from support.dnsworld import addresses, facts_of, query_for, world
from support.saved import save_world

from dns_server.files import Files, Kind
from dns_server.handover import door, predecessor
from dns_server.handover.door import Estate, open_door
from dns_server.handover.folder import Folder
from dns_server.handover.line import Line, LineLost, Word, new_socket
from dns_server.handover.predecessor import CannotTakeOver, FolderInUse, claimed
from dns_server.main import Bound, run
from dns_server.options import Options
from dns_server.received import Received, load_facts
from gslb.codec.sealing import ANYBODY
from gslb.core.order import Order
from gslb.runtime.addresses import SocketAddress

LOOPBACK = SocketAddress("127.0.0.1", 0)
V6_LOOPBACK = SocketAddress("::1", 0)


@dataclass
class Running:
    bound: Bound
    task: asyncio.Task[None]

    async def one(self) -> list[str]:
        query = query_for("one.example.test", "A")
        at = self.bound.listen[0]
        return addresses(await dns.asyncquery.udp(query, at.host, port=at.port, timeout=5))

    async def ended(self) -> None:
        async with asyncio.timeout(20):
            await self.task


@pytest.fixture(params=["native", "python"])
def options(request: pytest.FixtureRequest, tmp_path: Path) -> Options:
    """Of a server that hands over, and has been told everything before."""
    save_world(tmp_path, world(), facts_of(world()))
    return Options(
        name="test", listen=(LOOPBACK,), coordinators=(), data=tmp_path, engine=str(request.param), hands_over=True
    )


@asynccontextmanager
async def running(options: Options) -> AsyncIterator[Running]:
    """Cancelled at the end, unless it has ended by itself."""
    ready: asyncio.Future[Bound] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(run(options, on_ready=ready.set_result, registry=CollectorRegistry()))
    try:
        await asyncio.wait([ready, task], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
        yield Running(ready.result(), task)
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=10)


@asynccontextmanager
async def line_to(options: Options) -> AsyncIterator[Line]:
    """As one that wants to take over."""
    folder, connecting = Folder(options.folder), new_socket()
    connecting.connect(folder.door)
    folder.close()
    with closing(Line(connecting)) as line:
        yield line


# Who has the folder


async def test_two_servers_cannot_share_a_folder(options: Options) -> None:
    async with running(options) as first:
        with pytest.raises(FolderInUse, match=r"stop that one.*another --data.*--take-over"):
            await run(options)
        assert await first.one() == ["192.0.2.1"]
    async with running(options):
        pass


async def test_one_that_does_not_hand_over_is_named(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dns_server.handover.predecessor.PATIENCE_S", 0.1)
    async with running(replace(options, hands_over=False)) as first:
        with pytest.raises(CannotTakeOver, match="within `gslb up`"):
            await run(replace(options, take_over=True))
        assert await first.one() == ["192.0.2.1"]


async def test_with_nobody_there_taking_over_is_starting(options: Options) -> None:
    async with running(replace(options, take_over=True)) as only:
        assert await only.one() == ["192.0.2.1"]


async def test_the_lock_goes_with_the_work(options: Options) -> None:
    async with (
        running(options) as first,
        running(replace(options, listen=first.bound.listen, take_over=True)) as second,
    ):
        await first.ended()
        assert await second.one() == ["192.0.2.1"]
        with pytest.raises(FolderInUse):
            await run(options)
        async with running(replace(options, listen=first.bound.listen, take_over=True)) as third:
            await second.ended()
            assert await third.one() == ["192.0.2.1"]


async def test_one_that_still_drains_keeps_nobody_from_starting(options: Options) -> None:
    async with running(options) as first:
        at = first.bound.listen[0]
        _, writer = await asyncio.open_connection(at.host, at.port)
        async with running(replace(options, listen=first.bound.listen, take_over=True)):
            assert not first.task.done()
        async with running(replace(options, listen=first.bound.listen)) as third:
            assert not first.task.done()
            assert await third.one() == ["192.0.2.1"]
        writer.close()
        await writer.wait_closed()
        await first.ended()


async def test_the_door_is_for_this_user_and_root(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(options) as first:
        assert (options.folder / "hand-over").stat().st_mode & 0o777 == 0o600
        monkeypatch.setattr(Line, "peer", lambda _: (1, 4242))
        async with line_to(options) as line:
            with pytest.raises(LineLost):
                await line.expect(Word.SAVED, 5)
        assert await first.one() == ["192.0.2.1"]
    assert not (options.folder / "hand-over").exists()


# Sockets


async def test_addresses_that_stay_are_taken_over_others_bound_and_closed(options: Options) -> None:
    both = replace(options, listen=(LOOPBACK, V6_LOOPBACK))
    async with running(both) as first:
        kept, dropped = first.bound.listen
        new = replace(options, listen=(kept, LOOPBACK), take_over=True)
        async with running(new) as second:
            assert second.bound.listen[0] == kept
            await first.ended()
            assert await second.one() == ["192.0.2.1"]
            with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
                probe.bind((dropped.host, dropped.port))


async def test_an_address_that_cannot_be_had_leaves_the_old_server_at_work(options: Options) -> None:
    async with running(options) as first:
        with socket.create_server(("127.0.0.1", 0)) as other:
            taken = SocketAddress("127.0.0.1", other.getsockname()[1])
            with pytest.raises(OSError, match="cannot listen"):
                await run(replace(options, listen=(*first.bound.listen, taken), take_over=True))
        assert await first.one() == ["192.0.2.1"]


async def test_metrics_are_served_at_the_same_address(options: Options) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        metrics = SocketAddress("127.0.0.1", probe.getsockname()[1])
    async with running(replace(options, metrics=metrics)) as first:
        new = replace(options, metrics=metrics, listen=first.bound.listen, take_over=True)
        async with running(new) as second:
            assert second.bound.metrics == metrics


# The words


@pytest.mark.parametrize(
    "words", [(Word.SERVING,), (Word.SAVE, Word.SERVING), (Word.YOURS,), (Word.SOCKETS, Word.SOCKETS), ()]
)
async def test_whoever_says_something_else_or_goes_leaves_the_old_server_at_work(
    options: Options, words: tuple[Word, ...]
) -> None:
    async with running(options) as first:
        async with line_to(options) as line:
            for word in words:
                line.say(word)
        async with line_to(options) as line:
            line.say(Word.SAVE)
            await line.expect(Word.SAVED, 5)
        assert await first.one() == ["192.0.2.1"]
        assert not first.task.done()


async def test_one_that_is_silent_is_given_up(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "PATIENCE_S", 0.05)
    async with running(options) as first, line_to(options) as line:
        with pytest.raises(LineLost, match="gone"):
            await line.expect(Word.SAVED, 5)
        assert await first.one() == ["192.0.2.1"]


async def test_one_that_is_slow_keeps_nobody_else_from_taking_over(options: Options) -> None:
    async with running(options) as first, line_to(options) as slow:
        slow.say(Word.SAVE)
        async with running(replace(options, listen=first.bound.listen, take_over=True)) as second:
            await first.ended()
            assert await second.one() == ["192.0.2.1"]
        await slow.expect(Word.SAVED, 5)
        with pytest.raises(LineLost, match="gone"):
            await slow.expect(Word.YOURS, 5)


async def test_a_predecessor_that_dies_before_it_has_handed_over_leaves_the_folder(options: Options) -> None:
    folder = Folder(options.folder)
    assert folder.lock()
    listener = new_socket()
    listener.bind(folder.door)
    listener.listen()
    async with asyncio.TaskGroup() as tasks:
        new = running(replace(options, take_over=True))
        starting = tasks.create_task(new.__aenter__())
        connected, _ = await asyncio.get_running_loop().sock_accept(listener)
        with closing(Line(connected)) as line:
            assert (await line.hear(10))[0] == Word.SAVE
            listener.close()
            folder.close()
    assert await starting.result().one() == ["192.0.2.1"]
    await new.__aexit__(None, None, None)


async def test_of_a_predecessor_that_hangs_it_is_said_which_process_to_end(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predecessor, "PATIENCE_S", 0.05)
    folder = Folder(options.folder)
    assert folder.lock()
    with closing(new_socket()) as listener:
        listener.bind(folder.door)
        listener.listen()
        with pytest.raises(CannotTakeOver, match=rf"process {os.getpid()}, has said nothing.*`kill -9 {os.getpid()}`"):
            await run(replace(options, take_over=True))
    folder.close()


# Files


async def test_it_catches_up_until_there_is_nothing_new_before_it_takes_the_sockets(options: Options) -> None:
    async with running(options) as first, claimed(options.folder, take_over=True) as (_, before):
        assert before is not None
        known = [Order(), Order(1, 0, 0), Order(1, 1, 0), Order(1, 1, 0)]

        async def catch_up() -> None:
            known.pop(0)

        sockets = await before.sockets(catch_up, lambda: known[0])
        assert {each.getsockname()[1] for each in sockets} == {first.bound.listen[0].port}
        assert len(known) == 1
        for each in sockets:
            each.close()


async def test_what_cannot_be_loaded_stays_with_the_old_server(options: Options) -> None:
    async with running(options) as first:
        save_world(options.data, replace(world(), order=Order(1, 9, 0)), facts_of(world()))
        with pytest.raises(CannotTakeOver, match=r"serves 1\.1\.0, but 1\.9\.0 is what could be loaded"):
            await run(replace(options, take_over=True))
        assert await first.one() == ["192.0.2.1"]


async def test_what_waits_to_be_saved_is_saved_before_the_successor_reads_and_when_it_serves(tmp_path: Path) -> None:
    """The second time it is the saver's end that writes, before `yours`; see `main`."""
    folder, order = Folder(tmp_path / "dns"), Order()
    assert folder.lock()

    async def save() -> None:
        nonlocal order
        order = Order(1, 2, 3)

    async with open_door(Estate(folder=folder, sockets=tuple, save=save, order=lambda: order)) as taken:
        connecting = new_socket()
        connecting.connect(folder.door)
        with closing(Line(connecting)) as line:
            line.say(Word.SAVE)
            assert await line.expect(Word.SAVED, 5) == ("1.2.3", [])
    assert taken.line is None
    folder.close()


async def test_a_file_is_not_read_twice(options: Options) -> None:
    files = Files(options.folder)
    assert files.load(Kind.SNAPSHOT, partial(Received.load, trust=ANYBODY)) is not None
    assert files.load(Kind.SNAPSHOT, partial(Received.load, trust=ANYBODY)) is None
    later = replace(world(), order=Order(1, 2, 0))
    save_world(options.data, later, facts_of(later))
    again = files.load(Kind.SNAPSHOT, partial(Received.load, trust=ANYBODY))
    assert again is not None
    assert again.order == later.order
    assert files.load(Kind.FACTS, load_facts) is not None
    assert not files.unreadable
