"""What is too old is withheld, if there is a limit, and served again as soon as somebody is heard."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import dns.asyncquery
import dns.rcode
import pytest
from support.dnsservers import LOOPBACK, coordinator_at, dns_server
from support.dnsworld import query_for, serve, view
from support.waiting import eventually

from dns_server.engines.native import NativeEngine
from dns_server.engines.python import PythonEngine
from dns_server.freshness import TOUCH_S, Freshness
from gslb.core.answering.view import View

WALL_S = 1_800_000_000.0


class Recorder(PythonEngine):
    """Remembers what it was to answer with; None: with nothing."""

    def __init__(self) -> None:
        super().__init__(entropy=1)
        self.done: list[View | None] = []

    def publish(self, view: View) -> None:
        self.done.append(view)

    def withhold(self) -> None:
        self.done.append(None)


@dataclass
class World:
    file: Path
    max_age_s: float | None = None
    now_s: float = 1_000.0

    def __post_init__(self) -> None:
        self.engine = Recorder()
        self.beats: dict[str, float] = {}
        self.freshness = Freshness(
            self.engine, self.file, self.max_age_s, clock=lambda: self.now_s, wall_clock=lambda: WALL_S
        )

    def after(self, passed_s: float, *, heard: bool = False) -> None:
        self.now_s += passed_s
        if heard:
            self.beats["one"] = self.now_s
        self.freshness.look(self.beats)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "heard"


def test_without_a_limit_nothing_is_ever_withheld(file: Path) -> None:
    world = World(file)
    world.freshness.publish(view())
    world.after(1e9)
    assert (world.engine.done, world.freshness.complaint) == ([view()], None)
    assert world.freshness.age_s == 1e9


def test_what_is_too_old_is_withheld_until_somebody_is_heard(file: Path) -> None:
    world = World(file, max_age_s=100)
    world.freshness.publish(view())
    world.after(99)
    assert world.engine.done == [view()]
    world.after(2)
    world.after(1)
    assert world.engine.done == [view(), None]
    assert world.freshness.complaint is not None
    world.freshness.publish(view())
    assert world.engine.done == [view(), None], "new conclusions from old facts are as old"
    world.after(1, heard=True)
    assert world.engine.done == [view(), None, view()]
    assert (world.freshness.age_s, world.freshness.complaint) == (0, None)


def test_age_counts_over_restarts(file: Path) -> None:
    file.touch()
    os.utime(file, (WALL_S - 500,) * 2)
    world = World(file, max_age_s=400)
    assert world.freshness.age_s == 500
    world.freshness.publish(view())
    assert world.engine.done == []
    world.after(1, heard=True)
    assert world.engine.done == [view()]


def test_a_clock_that_was_set_back_makes_nothing_younger_than_new(file: Path) -> None:
    file.touch()
    os.utime(file, (WALL_S + 500,) * 2)
    assert World(file).freshness.age_s == 0


async def test_the_file_tells_when_somebody_was_heard(tmp_path: Path) -> None:
    async with coordinator_at() as (said, address), dns_server(tmp_path, address) as server:
        assert server.metric("gslb_dns_age_seconds") < TOUCH_S
        said.beat()

        async def is_there() -> bool:
            return (tmp_path / "dns" / "heard").exists()

        await eventually(is_there)


@pytest.mark.parametrize("engine", [PythonEngine, NativeEngine])
async def test_an_engine_that_withholds_answers_servfail_until_the_next_view(
    engine: type[PythonEngine | NativeEngine],
) -> None:
    made = engine(entropy=1)
    (at,) = await made.start((LOOPBACK,))

    async def rcode() -> dns.rcode.Rcode:
        query = query_for("www.example.test", "A")
        return (await dns.asyncquery.udp(query, at.host, port=at.port, timeout=5)).rcode()

    try:
        serve(made, view())
        assert await rcode() == dns.rcode.NOERROR
        made.withhold()
        assert await rcode() == dns.rcode.SERVFAIL
        made.publish(view())
        assert await rcode() == dns.rcode.NOERROR
    finally:
        await made.stop()
