"""Which coordinators a node talks to, and that its streams come and go with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from support.waiting import until

from gslb.core.coordinators import MAX_COORDINATORS, Known
from gslb.runtime.companions import Companions


def test_what_any_stream_tells_counts_and_the_named_ones_stay() -> None:
    known = Known(["a:1", "b:1"])
    assert known.addresses == ("a:1", "b:1")
    known.tell("a:1", ["a:1", "c:1"])
    known.tell("b:1", ["d:1"])
    assert known.addresses == ("a:1", "b:1", "c:1", "d:1")
    known.tell("a:1", ["a:1"])
    assert known.addresses == ("a:1", "b:1", "d:1")


def test_without_a_stream_what_was_told_last_stays() -> None:
    known = Known(["a:1"])
    known.tell("a:1", ["b:1"])
    known.lose("a:1")
    assert known.addresses == ("a:1", "b:1")
    known.tell("b:1", ["b:1", "c:1"])
    assert known.addresses == ("a:1", "b:1", "c:1")
    known.lose("b:1")
    known.lose("b:1")
    assert known.learnt == {"b:1", "c:1"}


def test_what_was_known_before_a_restart_counts_until_somebody_tells() -> None:
    known = Known(["a:1"])
    known.remember(["b:1"])
    assert known.addresses == ("a:1", "b:1")
    known.tell("b:1", ["c:1"])
    assert known.addresses == ("a:1", "c:1")


def test_no_list_is_too_long_and_none_shortens_what_was_named() -> None:
    told = [f"t{number}:1" for number in range(50)]
    known = Known(["a:1"])
    known.tell("a:1", told)
    assert len(known.addresses) == MAX_COORDINATORS
    many = Known(told)
    many.tell("a:1", ["x:1"])
    assert many.addresses == tuple(told)


class Streams:
    """Counts those that are up, by address."""

    def __init__(self) -> None:
        self.up: set[str] = set()
        self.changes = 0

    async def follow(self, address: str) -> None:
        self.up.add(address)
        try:
            await asyncio.Event().wait()
        finally:
            self.up.discard(address)

    def changed(self) -> None:
        self.changes += 1


@asynccontextmanager
async def running(streams: Streams, *named: str) -> AsyncIterator[Companions]:
    companions = Companions("test", Known(named), streams.follow, streams.changed)
    task = asyncio.create_task(companions.run())
    try:
        yield companions
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert not streams.up


async def test_streams_come_and_go_with_what_is_told() -> None:
    streams = Streams()
    async with running(streams, "a:1") as companions:
        await until(lambda: streams.up == {"a:1"})
        companions.tell("a:1", ["a:1", "b:1", "c:1"])
        await until(lambda: streams.up == {"a:1", "b:1", "c:1"})
        companions.tell("a:1", ["a:1", "c:1"])
        await until(lambda: streams.up == {"a:1", "c:1"})
        assert streams.changes == 2
        companions.tell("c:1", ["c:1", "a:1"])
        assert streams.changes == 2, "nobody has come or gone"


async def test_what_is_no_address_is_not_connected_to() -> None:
    streams = Streams()
    async with running(streams, "a:1") as companions:
        companions.tell("a:1", ["", "b", "b:x", "b:99999", "[::1]:5", "c:1"])
        await until(lambda: streams.up == {"a:1", "[::1]:5", "c:1"})
