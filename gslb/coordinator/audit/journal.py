"""The audit trail in the store: numbered entries, the newest 10,000, each written with what it tells of."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from gslb.coordinator.audit.entry import Entry, dump_entry, load_entry
from gslb.core.errors import Conflict, StoreUnavailable
from gslb.store.base import ABSENT, Store

KEEP_ENTRIES = 10_000
MAX_SHOWN = 1_000
_LAST = "audit/last"
_ENTRIES = "audit/entries/"
_ATTEMPTS = 10


@dataclass(frozen=True, slots=True)
class Numbered:
    number: int
    entry: Entry


class Journal:
    """Several coordinators may write at once: an entry's number is had by compare-and-swap."""

    def __init__(self, store: Store, keep: int = KEEP_ENTRIES) -> None:
        self._store = store
        self._keep = keep

    async def commit(
        self,
        entry: Entry,
        *,
        compares: Mapping[str, int],
        puts: Mapping[str, bytes],
        deletes: Collection[str] = (),
    ) -> int:
        """The store's `commit`, with `entry` in the same transaction; raises as that does."""
        number, revision = await self._last()
        for _ in range(_ATTEMPTS):
            following = number + 1
            try:
                return await self._store.commit(
                    compares={**compares, _LAST: revision},
                    puts={**puts, _LAST: str(following).encode(), _key(following): dump_entry(entry)},
                    deletes=[*deletes, *([_key(following - self._keep)] if following > self._keep else [])],
                )
            except Conflict:
                before = revision
                number, revision = await self._last()
                if revision == before:  # so it was the caller's own comparison
                    raise
        raise Conflict("the audit trail is being written by others all the time: try again")

    async def write(self, entry: Entry) -> None:
        """An entry for itself, about what was not done. Raises StoreUnavailable, Conflict."""
        await self.commit(entry, compares={}, puts={})

    async def newest(self, limit: int) -> list[Numbered]:
        """The newest first. Raises StoreUnavailable."""
        number, _ = await self._last()
        found = []
        for each in range(number, max(0, number - min(limit, MAX_SHOWN)), -1):
            entry = await self._store.get(_key(each))
            if entry is None:  # older ones are gone too
                break
            found.append(Numbered(each, load_entry(entry.value)))
        return found

    async def _last(self) -> tuple[int, int]:
        """The last number, and the revision of its key."""
        entry = await self._store.get(_LAST)
        if entry is None:
            return 0, ABSENT
        try:
            return int(entry.value), entry.revision
        except ValueError:
            raise StoreUnavailable(f"the store's '{_LAST}' is no number: restore it") from None


def _key(number: int) -> str:
    return f"{_ENTRIES}{number:012d}"
