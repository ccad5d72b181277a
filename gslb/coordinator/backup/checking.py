"""Whether a backup can be restored, seen before anything is written: damage, and parts that do not fit together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gslb.codec.backup import Head, Input, InvalidBackup, Key, Missing, read
from gslb.coordinator.admin import directives
from gslb.coordinator.backup.taking import LEFT_OUT
from gslb.coordinator.configuration.history import (
    CURRENT,
    KEPT,
    RECORDS,
    ROLLOUT,
    Record,
    inputs_of,
    load_pointer,
    load_record,
    load_rollout,
    record_key,
)
from gslb.coordinator.configuration.retention import load_kept
from gslb.core.directives import NO_DIRECTIVES
from gslb.core.errors import StoreUnavailable
from gslb.store.base import CommitTooLarge, check_commit


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a backup holds. `in_force` None: no configuration was applied. `missing`: revisions that lack an input.

    `directive`: the revision of the directives.
    """

    head: Head
    in_force: Record | None
    configurations: int
    overrides: int
    directive: int
    inputs: int
    missing: tuple[int, ...]
    size_bytes: int


def check(path: Path) -> Summary:
    """Read it all. Raises InvalidBackup with what is wrong, OSError."""
    seen = _Seen()
    with path.open("rb") as file:
        for item in read(file):
            match item:
                case Head():
                    seen.head = item
                case Key():
                    seen.key(item)
                case Input():
                    seen.inputs.add(item.digest)
                case Missing():
                    seen.missing.add(item.digest)
    return seen.summary(path.stat().st_size)


class _Seen:
    def __init__(self) -> None:
        self.head: Head | None = None
        self.inputs: set[bytes] = set()
        self.missing: set[bytes] = set()
        self._last = b""
        self._records: dict[int, frozenset[bytes]] = {}
        self._in_force: Record | None = None
        self._pointer: int | None = None
        self._directives = NO_DIRECTIVES

    def key(self, item: Key) -> None:
        key = item.key.encode()
        if key <= self._last or item.key.startswith(LEFT_OUT):
            raise InvalidBackup(f"the backup has the key '{item.key[:80]}' where none belongs")
        self._last = key
        try:
            check_commit({}, {item.key: item.value}, ())
            self._understand(item)
        except (StoreUnavailable, CommitTooLarge) as error:
            raise InvalidBackup(f"the backup cannot be used: {error}") from error

    def _understand(self, item: Key) -> None:
        if item.key == CURRENT:
            self._pointer = load_pointer(item.value)
        elif item.key == KEPT:
            load_kept(item.value)
        elif item.key == directives.KEY:
            self._directives = directives.load(item.value)
        elif item.key == ROLLOUT:
            load_rollout(item.value)
        elif item.key.startswith(RECORDS):
            record = load_record(item.value)
            if item.key != record_key(record.revision):
                raise InvalidBackup(f"the backup has configuration {record.revision} in the place of another one")
            self._records[record.revision] = frozenset(inputs_of(record))
            if record.revision == self._pointer:
                self._in_force = record

    def summary(self, size_bytes: int) -> Summary:
        """Raises InvalidBackup where parts are missing."""
        if self._pointer is not None and self._in_force is None:
            raise InvalidBackup(f"the backup lacks configuration {self._pointer}, which was in force")
        needed = frozenset(inputs_of(self._in_force))
        for revision, inputs in self._records.items():
            if lacking := inputs - self.inputs - (self.missing - needed):
                raise InvalidBackup(f"the backup lacks the input {min(lacking).hex()} of configuration {revision}")
        assert self.head is not None  # `read` begins with it
        return Summary(
            head=self.head,
            in_force=self._in_force,
            configurations=len(self._records),
            overrides=len(self._directives.overrides),
            directive=self._directives.revision,
            inputs=len(self.inputs),
            missing=tuple(revision for revision, inputs in self._records.items() if inputs & self.missing),
            size_bytes=size_bytes,
        )
