"""Directives in the store, under one key with a rising revision: read, rewritten by compare-and-swap, put in force."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from google.protobuf.message import DecodeError

from gslb.api.v1 import facts_pb2 as pb
from gslb.codec.facts import dump_directives, load_directives
from gslb.coordinator.audit.entry import Note
from gslb.coordinator.audit.journal import Journal
from gslb.coordinator.relay.hub import Hub
from gslb.coordinator.taken_back import check_not_taken_back
from gslb.core.directives import NO_DIRECTIVES, Directives
from gslb.core.errors import Conflict, InvalidSnapshot, StoreUnavailable
from gslb.store.base import ABSENT, Store

KEY = "directives"
NO_FENCE: Mapping[str, int] = MappingProxyType({})
_ATTEMPTS = 5

Rewrite = Callable[[Directives], Directives]
"""From those that are stored to the next ones, whose revision is raised for it; the same object = nothing to write."""


class DirectivesKeeper:
    """`wall_clock`: Unix seconds."""

    def __init__(self, store: Store, hub: Hub, wall_clock: Callable[[], int]) -> None:
        self._store = store
        self._journal = Journal(store)
        self._hub = hub
        self._wall_clock = wall_clock
        self._one_at_a_time = asyncio.Lock()

    async def restore(self, *, stale: bool = False) -> None:
        """Let what the store holds take force, if it is newer. Raises StoreUnavailable."""
        async with self._one_at_a_time:
            directives, _ = await self._read(stale=stale)
            if directives.revision > self._hub.directives.revision:
                self._hub.direct(directives)

    async def rewrite(self, rewrite: Rewrite, note: Note | None, fence: Mapping[str, int] = NO_FENCE) -> Directives:
        """Store the next directives, then publish them, even if the caller is gone by then.

        `note`: for the audit trail, None = this leaves no trace there. Raises StoreUnavailable, Conflict.
        """
        return await asyncio.shield(asyncio.create_task(self._rewrite_now(rewrite, note, fence)))

    async def _rewrite_now(self, rewrite: Rewrite, note: Note | None, fence: Mapping[str, int]) -> Directives:
        async with self._one_at_a_time:
            for _ in range(_ATTEMPTS):
                present, revision = await self._read()
                check_not_taken_back("directives", stored=present.revision, in_force=self._hub.directives.revision)
                following = rewrite(present)
                if following is present:
                    return present
                directives = replace(following, revision=present.revision + 1)
                try:
                    await self._commit(directives, note, {KEY: revision, **fence})
                except Conflict:
                    continue
                self._hub.direct(directives)
                return directives
            raise Conflict("the directives are being changed by others all the time: try again")

    async def _commit(self, directives: Directives, note: Note | None, compares: Mapping[str, int]) -> None:
        puts = {KEY: dump_directives(directives).SerializeToString(deterministic=True)}
        if note is None:
            await self._store.commit(compares=compares, puts=puts)
            return
        after = replace(self._hub.order, directive=directives.revision)
        before = replace(after, directive=directives.revision - 1)
        await self._journal.commit(note.done(self._wall_clock(), before, after), compares=compares, puts=puts)

    async def _read(self, *, stale: bool = False) -> tuple[Directives, int]:
        entry = await self._store.get(KEY, stale=stale)
        return (NO_DIRECTIVES, ABSENT) if entry is None else (load(entry.value), entry.revision)


def load(value: bytes) -> Directives:
    """As the store holds them. Raises StoreUnavailable."""
    try:
        return load_directives(pb.Directives.FromString(value))
    except (DecodeError, InvalidSnapshot) as error:
        raise StoreUnavailable(f"the directives in the store cannot be read: {error}") from None
