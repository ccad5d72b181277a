"""Where coordinators were said to be, over a restart of the agent."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from support.waiting import until

from gslb.core.coordinators import MAX_COORDINATORS
from site_agent.acquaintances import Acquaintances


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "agent" / "eu.a.coordinators"


async def test_what_was_learnt_is_there_after_a_restart_for_the_owner_alone(file: Path) -> None:
    first = Acquaintances(file)
    assert first.recall() == ()
    keeping = asyncio.create_task(first.run())
    for learnt in ({"h1:7400"}, {"h2:7400", "[2001:db8::1]:7400"}):
        first.note(learnt)
        await until(lambda learnt=learnt: set(Acquaintances(file).recall()) == learnt)
    keeping.cancel()
    assert mode_of(file) == 0o600


def mode_of(file: Path) -> int:
    return file.stat().st_mode & 0o777


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"not an address\n"])
def test_a_file_that_says_nothing_is_as_none(file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    assert Acquaintances(file).recall() == ()


def test_a_file_that_others_may_change_is_not_believed(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("h1:7400\n")
    assert Acquaintances(file).recall() == ("h1:7400",)
    file.chmod(0o666)
    assert Acquaintances(file).recall() == ()


def test_no_more_are_recalled_than_an_agent_talks_to(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("".join(f"h{number}:1\n" for number in range(100)))
    assert len(Acquaintances(file).recall()) == MAX_COORDINATORS


async def test_a_disk_that_refuses_does_not_end_the_agent(file: Path) -> None:
    (file.parent).write_text("a file where the folder would be")
    acquaintances = Acquaintances(file)
    keeping = asyncio.create_task(acquaintances.run())
    with capture_logs() as logs:
        acquaintances.note({"h1:7400"})
        await until(lambda: [log["event"] for log in logs] == ["where coordinators are is not kept"])
    file.parent.unlink()
    acquaintances.note({"h2:7400"})
    await until(lambda: acquaintances.recall() == ("h2:7400",))
    keeping.cancel()
