"""Saving off the serving path: only the newest, facts at most once a second, and a hung disk holds nobody up."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from support.waiting import until

from dns_server import saver as saver_module
from dns_server.files import Files, Kind
from dns_server.saver import Saver


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def loaded(files: Files, kind: Kind) -> bytes | None:
    return files.load(kind, bytes)


async def test_facts_are_written_at_most_once_a_second_and_the_newest_at_the_end(files: Files) -> None:
    saver = Saver(files)
    task = asyncio.create_task(saver.run())
    saver.put(Kind.FACTS, lambda: (b"first",))
    await until(lambda: files.written[Kind.FACTS] == 1)
    for number in range(4):
        saver.put(Kind.FACTS, lambda number=number: (b"number ", b"%d" % number))
        saver.put(Kind.DIRECTIVES, lambda number=number: (b"number %d" % number,))
        await until(lambda number=number: loaded(files, Kind.DIRECTIVES) == b"number %d" % number)
    assert loaded(files, Kind.FACTS) == b"first"
    task.cancel()
    await asyncio.wait([task])
    assert loaded(files, Kind.FACTS) == b"number 3"
    assert files.written == {Kind.FACTS: 2, Kind.DIRECTIVES: 4}


async def test_a_disk_that_hangs_is_not_waited_for_long(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    hangs = threading.Event()
    monkeypatch.setattr(saver_module, "PATIENCE_S", 0.05)
    saver = Saver(files)
    async with asyncio.timeout(5):
        await saver.put_now(Kind.SNAPSHOT, lambda: (b"late" if hangs.wait(20) else b"never",))
    assert files.written[Kind.SNAPSHOT] == 0
    hangs.set()
    await until(lambda: loaded(files, Kind.SNAPSHOT) == b"late")


async def test_what_was_read_from_the_files_is_not_written_again(files: Files) -> None:
    saver = Saver(files)
    saver.put(Kind.FACTS, lambda: (b"known",))
    saver.forget()
    task = asyncio.create_task(saver.run())
    saver.put(Kind.DIRECTIVES, lambda: (b"new",))
    await until(lambda: files.written[Kind.DIRECTIVES] == 1)
    task.cancel()
    await asyncio.wait([task])
    assert files.written == {Kind.DIRECTIVES: 1}
