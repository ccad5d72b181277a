"""The audit trail in the store: numbered entries, the newest ones, each written with what it tells of.

Changes have a trail of their own, so that no number of refused attempts can push them out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from gslb.coordinator.audit.entry import Entry, dump_entry, load_entry
from gslb.core.errors import Conflict, StoreUnavailable
from gslb.store.base import ABSENT, Store

MAX_SHOWN = 1_000
_ATTEMPTS = 10


@dataclass(frozen=True, slots=True)
class Trail:
    """`keep`: how many entries; the oldest go."""

    name: str
    keep: int

    @property
    def last(self) -> str:
        """The key that holds the last number."""
        return f"audit/{self.name}/last"

    def key(self, number: int) -> str:
        return f"audit/{self.name}/entries/{number:012d}"


CHANGES = Trail("changes", 10_000)
REMARKS = Trail("remarks", 1_000)
"""Refused attempts and the like."""


@dataclass(frozen=True, slots=True)
class Numbered:
    number: int
    entry: Entry


class Journal:
    """Several coordinators may write at once: an entry's number is had by compare-and-swap."""

    def __init__(self, store: Store, trail: Trail = CHANGES) -> None:
        self._store = store
        self._trail = trail

    async def commit(
        self,
        entry: Entry,
        *,
        compares: Mapping[str, int],
        puts: Mapping[str, bytes],
        deletes: Collection[str] = (),
    ) -> int:
        """The store's `commit`, with `entry` in the same transaction; raises as that does."""
        trail = self._trail
        number, revision = await self._last()
        for _ in range(_ATTEMPTS):
            following = number + 1
            oldest = [trail.key(following - trail.keep)] if following > trail.keep else []
            try:
                return await self._store.commit(
                    compares={**compares, trail.last: revision},
                    puts={**puts, trail.last: str(following).encode(), trail.key(following): dump_entry(entry)},
                    deletes=[*deletes, *oldest],
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
            entry = await self._store.get(self._trail.key(each))
            if entry is None:  # older ones are gone too
                break
            found.append(Numbered(each, load_entry(entry.value)))
        return found

    async def _last(self) -> tuple[int, int]:
        """The last number, and the revision of its key."""
        entry = await self._store.get(self._trail.last)
        if entry is None:
            return 0, ABSENT
        try:
            return int(entry.value), entry.revision
        except ValueError:
            raise StoreUnavailable(f"the store's '{self._trail.last}' is no number: restore it") from None


async def newest(store: Store, limit: int) -> list[Numbered]:
    """Of both trails, the newest first. Raises StoreUnavailable."""
    found = [each for trail in (CHANGES, REMARKS) for each in await Journal(store, trail).newest(limit)]
    return sorted(found, key=lambda each: each.entry.unix_s, reverse=True)[:limit]
