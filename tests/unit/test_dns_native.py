"""The native engine is there, is what `auto` means, and takes snapshots and decisions as they come."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import dns.message
import pytest
from support.dnsworld import CONFIG, LONDON, facts_of, make_snapshot, make_view, query_for, serve, view
from support.nativeworld import chunks_of

from dns_server import _native
from dns_server.engines import choice
from dns_server.engines.choice import NoNativeEngine, make_engine
from dns_server.engines.native import NativeEngine
from dns_server.engines.python import PythonEngine
from gslb import __version__
from gslb.core.answering.view import View
from gslb.core.directives import NO_DIRECTIVES
from gslb.core.errors import InvalidSnapshot
from gslb.core.order import Order
from gslb.core.silence import NO_SILENCE
from gslb.core.steering.decide import decide
from gslb.runtime.addresses import SocketAddress

LOOPBACK = SocketAddress("127.0.0.1", 0)
QUERY = query_for("www.example.test", "A", LONDON).to_wire()
UP, FALLEN = "192.0.2.1", "198.51.100."
"""Where London's answers begin with all up, and with its pool down."""


def test_the_module_is_built_from_this_version() -> None:
    assert _native.version() == __version__


def test_auto_is_native() -> None:
    assert isinstance(make_engine("auto", entropy=1), NativeEngine)
    assert isinstance(make_engine("native", entropy=1), NativeEngine)
    assert isinstance(make_engine("python", entropy=1), PythonEngine)


def test_without_the_module_auto_is_python_and_native_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "NATIVE_MODULE", "dns_server._not_there")
    assert isinstance(make_engine("auto", entropy=1), PythonEngine)
    with pytest.raises(NoNativeEngine, match=r"no module dns_server\._not_there.*--engine python"):
        make_engine("native", entropy=1)


def test_an_unknown_engine_is_an_error() -> None:
    with pytest.raises(ValueError, match="choose auto, native or python"):
        make_engine("warp", entropy=1)


class Client:
    """Asks for www as somebody in London."""

    def __init__(self, server: SocketAddress) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.connect((server.host, server.port))

    def close(self) -> None:
        self._socket.close()

    async def www(self) -> str:
        self._socket.send(QUERY)
        async with asyncio.timeout(5):
            reply = dns.message.from_wire(await asyncio.get_running_loop().sock_recv(self._socket, 65_535))
        (rdata,) = reply.answer[0]
        return str(rdata)


@pytest.fixture
def engine() -> NativeEngine:
    return NativeEngine(entropy=1)


@pytest.fixture
async def client(engine: NativeEngine) -> AsyncIterator[Client]:
    (address,) = await engine.start((LOOPBACK,))
    client = Client(address)
    yield client
    client.close()
    await engine.stop()


def moved(before: View, *down: str, sequence: int) -> View:
    """The view once other endpoints are down, by a decision that shares with the one before what did not change."""
    snapshot = before.index.snapshot
    facts = facts_of(snapshot, ("broken/b", *down), sequence)
    return before.index.with_decision(decide(snapshot, NO_DIRECTIVES, facts, NO_SILENCE, before.decision))


async def test_decisions_follow_each_other_as_differences(engine: NativeEngine, client: Client) -> None:
    now = view()
    serve(engine, now)
    for sequence in range(2, 10):
        assert (await client.www()).startswith(UP if sequence % 2 == 0 else FALLEN)
        now = moved(now, *(("eu/e1",) if sequence % 2 == 0 else ()), sequence=sequence)
        engine.publish(now)


async def test_a_difference_that_is_refused_is_told_whole(
    engine: NativeEngine, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever went wrong between two decisions, the next one serves."""
    load = _native.Decision

    def refuse_differences(
        message: bytes, statics: _native.Static, before: _native.Decision | None, tables: _native.Tables
    ) -> _native.Decision:
        if before is not None:
            raise ValueError("row 7 is not there")
        return load(message, statics, before, tables)

    monkeypatch.setattr("dns_server.engines.native._native.Decision", refuse_differences)
    now = view()
    serve(engine, now)
    assert (await client.www()).startswith(UP)
    engine.publish(moved(now, "eu/e1", sequence=2))
    assert (await client.www()).startswith(FALLEN)


async def test_a_snapshot_on_trial_touches_nothing_until_a_view_of_it_is_published(
    engine: NativeEngine, client: Client
) -> None:
    first = view()
    serve(engine, first)
    later = make_view(make_snapshot(CONFIG.replace("192.0.2.1,", "192.0.2.111,"), Order(1, 2, 0)))
    engine.prepare(later, chunks_of(later))
    assert await client.www() == "192.0.2.1"
    engine.publish(moved(first, "eu/e1", sequence=2))
    assert (await client.www()).startswith(FALLEN)
    engine.publish(later)
    assert await client.www() == "192.0.2.111"


def test_what_cannot_be_read_is_refused_and_what_was_not_prepared_a_fault(engine: NativeEngine) -> None:
    with pytest.raises(InvalidSnapshot, match="the native engine refuses it"):
        engine.prepare(view(), [b"\xff\xff"])
    with pytest.raises(ValueError, match="not prepared"):
        engine.publish(view())


async def test_no_query_is_lost_or_mixed_while_views_are_swapped(engine: NativeEngine, client: Client) -> None:
    views = [view(), moved(view(), "eu/e1", sequence=2)]
    serve(engine, views[0])
    swapping = asyncio.create_task(swap(engine, views))
    for _ in range(500):
        address = await client.www()
        assert address.startswith((UP, FALLEN))
    swapping.cancel()
    assert engine.counters.queries_total == 500
    assert engine.counters.dropped == {}


async def swap(engine: NativeEngine, views: list[View]) -> None:
    """A hundred times a second and more, until cancelled."""
    while True:
        for one in views:
            engine.publish(one)
            await asyncio.sleep(0)
