"""What only the embedded store has: one file, one process, SIGKILL, compaction, a full or broken disk."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path

import pytest

from gslb.core.errors import StoreUnavailable
from gslb.store.base import Compacted
from gslb.store.embedded import KEEP_REVISIONS, EmbeddedStore

WRITER = """
import asyncio, sys
from pathlib import Path
from gslb.store.embedded import EmbeddedStore

async def main():
    store = await EmbeddedStore.open(Path(sys.argv[1]), new_incarnation=1)
    entry = await store.get("n")
    n = int(entry.value) if entry else 0
    while True:
        n += 1
        await store.commit(compares={}, puts={"n": str(n).encode(), f"k/{n % 7}": b"x" * 3000})
        print(n, flush=True)

asyncio.run(main())
"""


async def open_store(path: Path, incarnation: int = 1) -> EmbeddedStore:
    return await EmbeddedStore.open(path, new_incarnation=incarnation)


async def test_incarnation_is_drawn_once(tmp_path: Path) -> None:
    for drawn in (5, 6):
        store = await open_store(tmp_path / "s.db", drawn)
        assert store.incarnation == 5
        await store.close()


async def test_the_folder_is_made(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "a" / "b" / "s.db")
    await store.close()
    assert (tmp_path / "a" / "b" / "s.db").exists()


async def test_a_second_opener_is_told(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "s.db")
    with pytest.raises(StoreUnavailable, match="another process has it open"):
        await open_store(tmp_path / "s.db")
    assert await store.commit(compares={}, puts={"a": b""}) == 1
    await store.close()


async def test_a_file_that_is_no_store_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    path.write_bytes(b"this is not a database at all" * 100)
    with pytest.raises(StoreUnavailable, match="not a database"):
        await open_store(path)
    assert path.read_bytes() == b"this is not a database at all" * 100


async def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    await (await open_store(path)).close()
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 2")
    database.close()
    with pytest.raises(StoreUnavailable, match="has format 2"):
        await open_store(path)


async def test_old_events_are_dropped_and_a_late_watch_is_told(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "s.db")
    await store.commit(compares={}, puts={"gone": b""})
    await store.commit(compares={}, puts={}, deletes=["gone"])
    await store.commit(compares={}, puts={"kept": b"1"})
    for n in range(KEEP_REVISIONS + 100):
        await store.commit(compares={}, puts={"n": str(n).encode()})
    async with aclosing(store.watch("", 0)) as watch:
        with pytest.raises(Compacted):
            await anext(watch)
    listing = await store.list("")
    assert [entry.key for entry in listing.entries] == ["kept", "n"]
    async with aclosing(store.watch("n", listing.revision - KEEP_REVISIONS)) as watch:
        assert (await anext(watch))[0].revision == listing.revision - KEEP_REVISIONS + 1
    await store.close()
    database = sqlite3.connect(tmp_path / "s.db")
    assert database.execute("SELECT count(*) FROM versions").fetchone()[0] <= KEEP_REVISIONS + 65
    database.close()


async def test_a_write_error_changes_nothing_and_is_named(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "s.db")
    await store.commit(compares={}, puts={"a": b"1"})
    await store._run(
        lambda: store._sql.execute("PRAGMA max_page_count = 1").fetchall()
    )  # a full disk, as SQLite sees it
    with pytest.raises(StoreUnavailable, match="full"):
        await store.commit(compares={}, puts={"a": b"2" * 1_000_000})
    entry = await store.get("a")
    assert entry is not None
    assert entry.value == b"1"
    await store._run(lambda: store._sql.execute("PRAGMA max_page_count = 1000000").fetchall())
    assert await store.commit(compares={"a": entry.revision}, puts={"a": b"2"}) == 2
    await store.close()


async def last_value(path: Path) -> int:
    store = await open_store(path)
    entry = await store.get("n")
    await store.close()
    return int(entry.value) if entry else 0


def test_sigkill_loses_nothing_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    for kills in range(5):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            acknowledged = [int(writer.stdout.readline()) for _ in range(40 + 13 * kills)]
            writer.send_signal(signal.SIGKILL)
            acknowledged += [int(line) for line in writer.stdout.read().split()]
        assert asyncio.run(last_value(path)) in {acknowledged[-1], acknowledged[-1] + 1}
