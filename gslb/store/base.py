"""What the coordinator asks of a store: revisions, compare-and-swap, and a watch that loses nothing.

The semantics are etcd's, cut down to what is used, so that the embedded store and etcd pass the same battery of tests.
Everything kept here is small; large inputs are blobs (`gslb.store.blobs`).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from gslb.core.errors import GslbError, StoreUnavailable
from gslb.store.leadership import Leadership

MAX_KEY_BYTES = 512
MAX_COMMIT_BYTES = 1_400_000
"""Of one commit, keys and values together; etcd takes 1.5 MiB by default."""
MAX_COMMIT_KEYS = 128
"""Put and deleted by one commit, what etcd takes by default; one less compared, as the store compares its own."""
ELECTIONS = "election/"
"""Keys below it are written by `campaign` alone."""

ABSENT = 0
"""As an expected revision: the key must not exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A key as it stands. `revision`: of the commit that wrote it last."""

    key: str
    value: bytes
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """`entries` sorted by key, as they stood at `revision`; watching after it misses nothing."""

    entries: tuple[Entry, ...]
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A key was put, or deleted (`value` None), by the commit `revision`."""

    key: str
    value: bytes | None
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What lay in a store at `revision`, sorted by key and read one by one, whatever is written meanwhile.

    Compacted ends it when it took so long that something is no longer kept.
    """

    revision: int
    entries: AsyncGenerator[Entry, None]


class Compacted(GslbError):
    """The events asked for are no longer kept: list again, then watch after the listing's revision."""

    code = "compacted"


class CommitTooLarge(GslbError):
    """A commit or a key is over the store's limits; nothing was written."""

    code = "commit-too-large"


class OutcomeUnknown(StoreUnavailable):
    """The store was asked to write and did not answer: it may have been done, or may yet be."""


class Store(Protocol):
    """Every call raises StoreUnavailable when the store cannot be reached, read or written.

    After StoreUnavailable from `commit` its outcome is not known: read again before deciding anything.
    `stale`: what one member has is good enough, be it old; it can be read when nothing can be written.
    """

    @property
    def incarnation(self) -> int:
        """A number drawn when the store was created; higher for every later store and every restored backup."""
        ...

    async def get(self, key: str, *, stale: bool = False) -> Entry | None:
        """The key as the latest commit left it."""
        ...

    async def list(self, prefix: str, *, stale: bool = False) -> Listing:
        """All keys that begin with `prefix`."""
        ...

    async def scan(self, skip: Collection[str] = ()) -> Scan:
        """Everything as it stands now, but for keys that begin with one of `skip`; nobody holds all of it at once."""
        ...

    async def commit(
        self, *, compares: Mapping[str, int], puts: Mapping[str, bytes], deletes: Collection[str] = ()
    ) -> int:
        """Write all of it or nothing, durably before returning; the new revision.

        `compares`: key -> revision it must have now (ABSENT = must not exist), else Conflict. A key may be put or
        deleted, not both (ValueError). Deleting what does not exist is no change; without changes the revision stays.
        A leader adds its `Leadership.fence`, so that nothing is written once somebody else leads.
        """
        ...

    def watch(self, prefix: str, after_revision: int) -> AsyncGenerator[tuple[Event, ...], None]:
        """What commits after `after_revision` did below `prefix`: one tuple a commit, in order, none left out.

        Goes on until the store is closed; whoever leaves earlier closes it. Raises Compacted. To resume, pass the last
        tuple's revision.
        """
        ...

    def campaign(self, election: str, candidate: str) -> AbstractAsyncContextManager[Leadership]:
        """Wait until nobody else leads `election`, lead it, and give it up at the end of the context.

        A candidate that waits goes on while a store of several machines is unavailable, until it is closed.
        """
        ...

    async def raise_incarnation(self, to: int) -> None:
        """For a restored backup, while nobody else uses the store. Conflict unless it is higher than before."""
        ...

    async def close(self) -> None:
        """Release everything; watches end."""
        ...


def check_commit(compares: Mapping[str, int], puts: Mapping[str, bytes], deletes: Collection[str]) -> None:
    """Refuse what no store takes: ValueError for a contradiction, CommitTooLarge over the limits."""
    if both := puts.keys() & set(deletes):
        raise ValueError(f"put and deleted in one commit: {', '.join(sorted(both))}")
    if max(len(compares) + 1, len(puts) + len(set(deletes))) > MAX_COMMIT_KEYS:
        raise CommitTooLarge(f"too many keys for one commit to the store: {MAX_COMMIT_KEYS} can be changed or compared")
    for key in (*puts, *deletes):
        if len(key.encode()) > MAX_KEY_BYTES:
            raise CommitTooLarge(f"a key of {len(key.encode())} octets is too long for the store: {MAX_KEY_BYTES} fit")
    size = sum(len(key.encode()) + len(value) for key, value in puts.items())
    if size > MAX_COMMIT_BYTES:
        raise CommitTooLarge(f"{size} octets are too many for one commit to the store: {MAX_COMMIT_BYTES} fit")
