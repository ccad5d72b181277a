"""What an agent keeps for its next start: where coordinators are, and what it has seen up elsewhere."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from support.agents import target
from support.waiting import until

from gslb.core.coordinators import MAX_COORDINATORS
from gslb.core.layouts import Target
from site_agent import notebook
from site_agent.acquaintances import acquaintances, recalled
from site_agent.notebook import Notebook
from site_agent.sightings import sightings


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebook, "KEEP_EVERY_S", 0.0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "agent" / "eu.a.coordinators"


def recall(file: Path) -> tuple[str, ...]:
    return tuple(recalled(acquaintances(file)))


async def test_what_was_learnt_is_there_after_a_restart_for_the_owner_alone(file: Path) -> None:
    first = acquaintances(file)
    assert recall(file) == ()
    keeping = asyncio.create_task(first.run())
    for learnt in ({"h1:7400"}, {"h2:7400", "[2001:db8::1]:7400"}):
        first.note(learnt)
        await until(lambda learnt=learnt: set(recall(file)) == learnt)
    keeping.cancel()
    assert mode_of(file) == 0o600


def mode_of(file: Path) -> int:
    return file.stat().st_mode & 0o777


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"not an address\n"])
def test_a_file_that_says_nothing_is_as_none(file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    assert recall(file) == ()


def test_a_file_that_others_may_change_is_not_believed(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("h1:7400\n")
    assert recall(file) == ("h1:7400",)
    file.chmod(0o666)
    assert recall(file) == ()


def test_no_more_are_recalled_than_an_agent_talks_to(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("".join(f"h{number}:1\n" for number in range(100)))
    assert len(recall(file)) == MAX_COORDINATORS


async def test_a_disk_that_refuses_does_not_end_the_agent(file: Path) -> None:
    file.parent.write_text("a file where the folder would be")
    book = Notebook("what it knew", file, 9)
    keeping = asyncio.create_task(book.run())
    with capture_logs() as logs:
        book.note(["one"])
        await until(lambda: [log["event"] for log in logs] == ["what it knew: not kept"])
    file.parent.unlink()
    book.note(["two"])
    await until(lambda: book.recall() == ("two",))
    keeping.cancel()


async def test_what_was_seen_up_elsewhere_is_known_until_it_is_watched_no_more(file: Path) -> None:
    home, one, two = target(), elsewhere("one"), elsewhere("two")
    first = sightings(file)
    keeping = asyncio.create_task(first.run())
    for seen in (home, one, two):
        first.note(seen)
    await until(lambda: sightings(file).has(one) and sightings(file).has(two))
    assert not sightings(file).has(home)
    first.keep_only([home, two])
    await until(lambda: not sightings(file).has(one))
    assert sightings(file).has(two)
    keeping.cancel()


def elsewhere(endpoint: str) -> Target:
    return replace(target(endpoint=endpoint), home="eu")
