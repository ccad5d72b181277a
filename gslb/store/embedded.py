"""The embedded store: one SQLite file on this machine, for installations with a single coordinator.

Every commit is on the disk before it is acknowledged (WAL, synchronous=FULL), so SIGKILL or a power cut at any moment
loses nothing acknowledged. The file is locked: a second process cannot open it. All SQL runs on one thread of its own.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TypeVar

from gslb.core.errors import Conflict, StoreUnavailable
from gslb.store.base import ABSENT, ELECTIONS, Compacted, Entry, Event, Listing, Scan, check_commit
from gslb.store.leadership import Leadership

KEEP_REVISIONS = 256
"""How far back a watch can start; older versions of keys are dropped."""
_COMPACT_EVERY = 64
_WATCH_BATCH = 16
_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE versions (
    revision INTEGER NOT NULL,
    key TEXT NOT NULL,
    value BLOB,
    latest INTEGER NOT NULL CHECK (latest IN (0, 1)),
    PRIMARY KEY (revision, key)
) STRICT;
CREATE UNIQUE INDEX latest_versions ON versions (key) WHERE latest = 1;
"""
_GET = "SELECT value, revision FROM versions WHERE key = ? AND latest = 1 AND value IS NOT NULL"
_LIST = """
SELECT key, value, revision FROM versions
WHERE key >= ? AND substr(key, 1, ?) = ? AND latest = 1 AND value IS NOT NULL ORDER BY key
"""
_KEYS = "SELECT key, revision FROM versions WHERE latest = 1 AND value IS NOT NULL ORDER BY key"
_VERSION = "SELECT value FROM versions WHERE revision = ? AND key = ?"
_EVENTS = """
SELECT key, value, revision FROM versions
WHERE revision > ? AND revision <= ? AND substr(key, 1, ?) = ? ORDER BY revision, key
"""
T = TypeVar("T")


class EmbeddedStore:
    """A Store. Open with `EmbeddedStore.open`; every version of a key is a row, a deletion is one without value."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self._watchers: set[asyncio.Event] = set()
        self._elections: dict[str, asyncio.Lock] = {}
        self._closed = False
        self._db: sqlite3.Connection | None = None
        self._incarnation = 0

    @classmethod
    async def open(cls, path: Path, *, new_incarnation: int) -> EmbeddedStore:
        """Open or create the file. `new_incarnation` counts only for a new one; pass the wall clock's seconds."""
        store = cls(path)
        try:
            await store._run(lambda: store._open(new_incarnation))
        except BaseException:
            await store.close()
            raise
        return store

    @property
    def incarnation(self) -> int:
        return self._incarnation

    async def get(self, key: str, *, stale: bool = False) -> Entry | None:
        return await self._run(lambda: self._entry(key))

    async def list(self, prefix: str, *, stale: bool = False) -> Listing:
        def read() -> Listing:
            with self._transaction():
                rows = self._sql.execute(_LIST, (prefix, len(prefix), prefix))
                entries = tuple(Entry(key=key, value=value, revision=revision) for key, value, revision in rows)
                return Listing(entries=entries, revision=self._meta("revision"))

        return await self._run(read)

    async def scan(self, skip: Collection[str] = ()) -> Scan:
        def look() -> tuple[int, list[tuple[str, int]]]:
            with self._transaction():
                rows: list[tuple[str, int]] = self._sql.execute(_KEYS).fetchall()
                return self._meta("revision"), rows

        revision, keys = await self._run(look)
        wanted = [(key, written) for key, written in keys if not key.startswith(tuple(skip))]
        return Scan(revision=revision, entries=self._versions(wanted))

    async def _versions(self, wanted: Sequence[tuple[str, int]]) -> AsyncGenerator[Entry, None]:
        for key, revision in wanted:
            value = await self._run(partial(self._version, key, revision))
            if value is None:
                raise Compacted(f"'{key}' was overwritten {KEEP_REVISIONS} revisions ago: begin again")
            yield Entry(key=key, value=value, revision=revision)

    async def commit(
        self, *, compares: Mapping[str, int], puts: Mapping[str, bytes], deletes: Collection[str] = ()
    ) -> int:
        check_commit(compares, puts, deletes)
        before, revision = await self._run(lambda: self._commit(compares, puts, deletes))
        if revision != before:
            for changed in self._watchers:
                changed.set()
        return revision

    async def watch(self, prefix: str, after_revision: int) -> AsyncGenerator[tuple[Event, ...], None]:
        changed = asyncio.Event()
        self._watchers.add(changed)
        try:
            while not self._closed:
                changed.clear()
                read_to, commits = await self._run(partial(self._events, prefix, after_revision))
                for commit in commits:
                    yield commit
                if read_to == after_revision:
                    await changed.wait()
                after_revision = read_to
        finally:
            self._watchers.discard(changed)

    @asynccontextmanager
    async def campaign(self, election: str, candidate: str) -> AsyncIterator[Leadership]:
        """One process has the store, so whoever of it comes first leads; nothing can take it away but a lost key."""
        key = ELECTIONS + election
        async with self._elections.setdefault(election, asyncio.Lock()):
            revision = await self.commit(compares={}, puts={key: candidate.encode()})
            leadership = Leadership(key, revision)
            try:
                yield leadership
            finally:
                leadership.end()
                with suppress(Conflict, StoreUnavailable):
                    await self.commit(compares=leadership.fence, puts={}, deletes=[key])

    async def raise_incarnation(self, to: int) -> None:
        if to <= self._incarnation:
            raise Conflict(f"the store's incarnation is {self._incarnation} already: {to} is not higher")
        await self._run(lambda: self._set_meta("incarnation", to))
        self._incarnation = to

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for changed in self._watchers:
            changed.set()
        if self._db is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._db.close)
        self._thread.shutdown()

    async def _run(self, work: Callable[[], T]) -> T:
        """`work` on the store's thread. A commit under way is finished even when its caller is cancelled."""
        if self._closed:
            raise StoreUnavailable(f"the store {self._path} is closed")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except (sqlite3.Error, OSError) as error:
            raise StoreUnavailable(f"the store {self._path}: {_reason(error)}") from error

    # From here on: the store's thread only.

    @property
    def _sql(self) -> sqlite3.Connection:
        if self._db is None:
            raise StoreUnavailable(f"the store {self._path} is not open")
        return self._db

    def _open(self, new_incarnation: int) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(self._path, isolation_level=None, timeout=0.5, check_same_thread=False)
        self._sql.executescript("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;")
        version = self._sql.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            self._create(new_incarnation)
        elif version != _SCHEMA_VERSION:
            raise StoreUnavailable(
                f"the store {self._path} has format {version}, this version reads {_SCHEMA_VERSION}: use the newer one"
            )
        self._incarnation = self._meta("incarnation")

    def _create(self, incarnation: int) -> None:
        """In one transaction, so that a kill leaves either no store or a whole one."""
        with self._transaction():
            for statement in _SCHEMA.split(";\n"):
                self._sql.execute(statement)
            names = {"incarnation": incarnation, "revision": 0, "compacted": 0}
            self._sql.executemany("INSERT INTO meta VALUES (?, ?)", names.items())
            self._sql.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._sql.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._sql.execute("COMMIT")
        finally:
            if self._sql.in_transaction:
                self._sql.execute("ROLLBACK")

    def _meta(self, name: str) -> int:
        value: int = self._sql.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()[0]
        return value

    def _set_meta(self, name: str, value: int) -> None:
        self._sql.execute("UPDATE meta SET value = ? WHERE name = ?", (value, name))

    def _entry(self, key: str) -> Entry | None:
        row = self._sql.execute(_GET, (key,)).fetchone()
        return Entry(key=key, value=row[0], revision=row[1]) if row else None

    def _version(self, key: str, revision: int) -> bytes | None:
        """What a commit wrote, as long as that is kept."""
        row = self._sql.execute(_VERSION, (revision, key)).fetchone()
        return row[0] if row else None

    def _commit(
        self, compares: Mapping[str, int], puts: Mapping[str, bytes], deletes: Collection[str]
    ) -> tuple[int, int]:
        """The revisions before and after."""
        with self._transaction():
            self._compare(compares)
            before = self._meta("revision")
            present = [key for key in dict.fromkeys(deletes) if self._entry(key)]
            if not puts and not present:
                return before, before
            for key, value in (*puts.items(), *((key, None) for key in present)):
                self._write(before + 1, key, value)
            self._set_meta("revision", before + 1)
            if (before + 1) % _COMPACT_EVERY == 0:
                self._compact(before + 1 - KEEP_REVISIONS)
        return before, before + 1

    def _compare(self, compares: Mapping[str, int]) -> None:
        for key, expected in compares.items():
            entry = self._entry(key)
            revision = entry.revision if entry else ABSENT
            if revision != expected:
                raise Conflict(f"'{key}' is at revision {revision}, not {expected}: read it again and retry")

    def _write(self, revision: int, key: str, value: bytes | None) -> None:
        self._sql.execute("UPDATE versions SET latest = 0 WHERE key = ? AND latest = 1", (key,))
        self._sql.execute("INSERT INTO versions VALUES (?, ?, ?, 1)", (revision, key, value))

    def _compact(self, revision: int) -> None:
        """Forget events up to `revision`: overwritten versions, and deletions that nothing followed."""
        if revision <= 0:
            return
        self._sql.execute("DELETE FROM versions WHERE revision <= ? AND (latest = 0 OR value IS NULL)", (revision,))
        self._set_meta("compacted", revision)

    def _events(self, prefix: str, after: int) -> tuple[int, tuple[tuple[Event, ...], ...]]:
        """Up to `_WATCH_BATCH` revisions after `after`: how far was read, and the commits that touched `prefix`."""
        with self._transaction():
            if after < self._meta("compacted"):
                raise Compacted(f"events after revision {after} are no longer kept: list again")
            read_to = max(after, min(self._meta("revision"), after + _WATCH_BATCH))
            rows = self._sql.execute(_EVENTS, (after, read_to, len(prefix), prefix))
            events = [Event(key=key, value=value, revision=revision) for key, value, revision in rows]
        return read_to, tuple(tuple(commit) for _, commit in groupby(events, key=lambda event: event.revision))


def _reason(error: sqlite3.Error | OSError) -> str:
    if getattr(error, "sqlite_errorname", "") == "SQLITE_BUSY":
        return "another process has it open; stop that one, or use another data folder"
    return str(error)
