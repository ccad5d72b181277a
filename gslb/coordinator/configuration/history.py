"""Configurations in the store: one record a revision, and the pointer to the one in force.

A record names every file by hash and holds the text of the small ones; the rest are blobs. `retention` says which of
them are kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, ClassVar, TypeAlias

from pydantic import ConfigDict, Field, TypeAdapter

from gslb.coordinator.audit.entry import Entry
from gslb.coordinator.audit.journal import Journal
from gslb.coordinator.configuration.retention import (
    DEFAULT_LIMITS,
    Kept,
    Limits,
    describe,
    dump_kept,
    leaves_inputs,
    load_kept,
    over,
)
from gslb.core.errors import StoreUnavailable
from gslb.core.identity.access import Grant
from gslb.core.rollout import Rollout, Stage
from gslb.store.base import ABSENT, Store
from gslb.store.base import Entry as StoreEntry
from gslb.store.records import load_json

MAX_TEXT_BYTES = 1_000_000
"""Of all texts in one record, as JSON; what does not fit is kept as blobs."""

CURRENT = "config/current"
ROLLOUT = "config/current/rollout"
"""Below CURRENT, so that who follows the one sees the other too."""
KEPT = "config/kept"
RECORDS = "config/revisions/"
Digest: TypeAlias = Annotated[bytes, Field(min_length=32, max_length=32)]
_JSON = ConfigDict(ser_json_bytes="hex", val_json_bytes="hex", extra="forbid")


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file of a configuration: its path as seen from the main file's folder, and what it contains."""

    path: str
    sha256: Digest
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile(File):
    """`text` None: the content is a blob."""

    __pydantic_config__: ClassVar[ConfigDict] = _JSON

    text: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBlob:
    """What is not a file of the configuration."""

    __pydantic_config__: ClassVar[ConfigDict] = _JSON

    sha256: Digest
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A configuration as applied. `files`: the main one first. `serials`: SOA serials by apex, as text.

    `manifest`: of the bundle it compiled to; `program`: the version that did it. `access`: what operators may do.
    `earlier`: layouts of configurations before it that are part of the bundle, since files alone do not tell them.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _JSON

    revision: int
    author: str
    message: str
    applied_unix_s: int
    program: str
    seed: int
    serials: tuple[tuple[str, int], ...]
    manifest: bytes
    files: tuple[StoredFile, ...]
    access: tuple[Grant, ...] = ()
    earlier: StoredBlob | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Current:
    """The record in force, and the one on trial at the first dns server, if there is one.

    `pointers`: the store's revisions of what says so (ABSENT before the first), to be compared by who changes it.
    """

    record: Record | None
    rollout: Rollout | None
    candidate: Record | None
    pointers: Mapping[str, int]

    @property
    def newest(self) -> Record | None:
        return self.candidate or self.record


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some of the records that are kept, the newest first. `more`: there are older ones."""

    records: tuple[Record, ...]
    more: bool


_RECORD = TypeAdapter(Record)
_ROLLOUT = TypeAdapter(Rollout)


class History:
    def __init__(self, store: Store, limits: Limits = DEFAULT_LIMITS) -> None:
        self._store = store
        self._limits = limits
        self._journal = Journal(store)
        self._inputs: dict[int, frozenset[bytes]] = {}
        """Of kept records; none of them ever changes."""

    async def current(self, *, stale: bool = False) -> Current:
        rolling = await self._store.get(ROLLOUT, stale=stale)
        rollout = None if rolling is None else load_rollout(rolling.value)
        entry = await self._store.get(CURRENT, stale=stale)
        in_force = 0 if entry is None else load_pointer(entry.value)
        on_trial = rollout.revision if rollout is not None and rollout.stage is Stage.TRIAL else 0
        return Current(
            record=await self._named(in_force, stale=stale),
            rollout=rollout,
            candidate=await self._named(on_trial, stale=stale) if on_trial > in_force > 0 else None,
            pointers={CURRENT: _revision(entry), ROLLOUT: _revision(rolling)},
        )

    async def _named(self, revision: int, *, stale: bool) -> Record | None:
        record = await self.get(revision, stale=stale) if revision else None
        if revision and record is None:
            raise StoreUnavailable(f"the store names configuration {revision} and does not hold it: restore it")
        return record

    async def get(self, revision: int, *, stale: bool = False) -> Record | None:
        entry = await self._store.get(record_key(revision), stale=stale)
        return None if entry is None else load_record(entry.value)

    async def page(self, limit: int, before: int) -> Page:
        """Up to `limit` of them below the revision `before` (0: all)."""
        known = [one.revision for one in await self._kept() if not before or one.revision < before]
        found = [await self.get(revision) for revision in reversed(known[-limit:])]
        return Page(records=tuple(record for record in found if record is not None), more=len(known) > limit)

    async def append(
        self,
        record: Record,
        rollout: Rollout,
        after: Current,
        entry: Entry,
        relied_on: Mapping[str, int] = MappingProxyType({}),
    ) -> bool:
        """Put `record` in force, or on trial; whether that leaves inputs which nobody may need any more.

        Conflict when `after`, or what is relied on, is no longer so in the store.
        """
        value = dump_record(record)
        kept = (*await self._kept(), describe(record.revision, value, inputs_of(record), inputs_of(after.newest)))
        count = over(kept, self._limits)
        await self._journal.commit(
            entry,
            compares={**after.pointers, record_key(record.revision): ABSENT, **relied_on},
            puts={
                **({} if rollout.stage is Stage.TRIAL else {CURRENT: dump_pointer(record.revision)}),
                ROLLOUT: dump_rollout(rollout),
                KEPT: dump_kept(kept[count:]),
                record_key(record.revision): value,
            },
            deletes=[record_key(one.revision) for one in kept[:count]],
        )
        return inputs_of(record) != inputs_of(after.newest) or leaves_inputs(kept, count)

    async def release(self, rollout: Rollout, after: Current, entry: Entry, relied_on: Mapping[str, int]) -> None:
        """Put what was on trial in force. Conflict as for `append`."""
        await self._journal.commit(
            entry,
            compares={**after.pointers, **relied_on},
            puts={CURRENT: dump_pointer(rollout.revision), ROLLOUT: dump_rollout(rollout)},
        )

    async def fence(self) -> Mapping[str, int]:
        """To be compared by whatever rests on no other configuration having been applied meanwhile."""
        return {key: _revision(await self._store.get(key)) for key in (CURRENT, ROLLOUT)}

    async def blobs(self) -> frozenset[bytes]:
        """Digests of all contents that kept records have as blobs; reads those it has not read yet."""
        kept = [one.revision for one in await self._kept()]
        self._inputs = {revision: known for revision, known in self._inputs.items() if revision in kept}
        for revision in kept:
            if revision not in self._inputs:
                self._inputs[revision] = frozenset(inputs_of(await self.get(revision)))
        return frozenset[bytes]().union(*self._inputs.values())

    async def _kept(self) -> tuple[Kept, ...]:
        """It is only ever written together with the pointer to the one in force."""
        entry = await self._store.get(KEPT)
        if entry is not None:
            return load_kept(entry.value)
        kept, before = [], None  # nothing was applied yet, or by a version that wrote no list
        for found in (await self._store.list(RECORDS)).entries:
            record = load_record(found.value)
            kept.append(describe(record.revision, found.value, inputs_of(record), inputs_of(before)))
            before = record
        return tuple(kept)


def inputs_of(record: Record | None) -> Mapping[bytes, int]:
    """Sizes of the contents that a record has as blobs, by digest."""
    if record is None:
        return {}
    inputs = {file.sha256: file.size_bytes for file in record.files if file.text is None}
    if record.earlier is not None:
        inputs[record.earlier.sha256] = record.earlier.size_bytes
    return inputs


def _revision(entry: StoreEntry | None) -> int:
    return ABSENT if entry is None else entry.revision


def dump_pointer(revision: int) -> bytes:
    return str(revision).encode()


def load_pointer(value: bytes) -> int:
    """Raises StoreUnavailable, as all that reads what others may have written."""
    try:
        return int(value)
    except ValueError:
        raise StoreUnavailable("the store does not say which configuration is in force: restore it") from None


def dump_rollout(rollout: Rollout) -> bytes:
    return _ROLLOUT.dump_json(rollout)


def load_rollout(value: bytes) -> Rollout:
    return load_json(_ROLLOUT, value, "the roll-out in the store")


def dump_record(record: Record) -> bytes:
    return _RECORD.dump_json(record)


def load_record(value: bytes) -> Record:
    return load_json(_RECORD, value, "a configuration in the store")


def store_files(files: Sequence[File], read: Callable[[bytes], bytes]) -> tuple[StoredFile, ...]:
    """Files as stored: texts stay in the record, in order, as long as they fit. `read`: content by digest."""
    room, stored = MAX_TEXT_BYTES, []
    for file in files:
        text = _text(read(file.sha256)) if file.size_bytes <= room else None
        size = 0 if text is None else len(json.dumps(text, ensure_ascii=False).encode())
        if size > room:
            text = None
        else:
            room -= size
        stored.append(StoredFile(path=file.path, sha256=file.sha256, size_bytes=file.size_bytes, text=text))
    return tuple(stored)


def _text(content: bytes) -> str | None:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def record_key(revision: int) -> str:
    return f"{RECORDS}{revision:012d}"
