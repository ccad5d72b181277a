"""Operators' overrides: set, cleared and ended by time, kept in the store under one key with a rising revision."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from google.protobuf.message import DecodeError

from gslb.api.v1 import facts_pb2 as pb
from gslb.codec.facts import dump_directives, load_directives
from gslb.coordinator.audit.entry import Entry, Note
from gslb.coordinator.audit.journal import Journal
from gslb.coordinator.metrics import Metrics
from gslb.coordinator.refusals import not_found
from gslb.coordinator.relay.hub import Hub
from gslb.core.directives import NO_DIRECTIVES, Directives, Override, Scope
from gslb.core.errors import Conflict, InvalidSnapshot, StoreUnavailable
from gslb.runtime.logs import get_logger
from gslb.store.base import ABSENT, Store

KEY = "directives"
ITSELF = "coordinator"
"""Who ends overrides whose time is over."""
NO_FENCE: Mapping[str, int] = MappingProxyType({})
_ATTEMPTS = 5

Rewrite = Callable[[tuple[Override, ...]], tuple[Override, ...]]


class Overrides:
    """`wall_clock`: Unix seconds."""

    def __init__(self, store: Store, hub: Hub, metrics: Metrics, wall_clock: Callable[[], int]) -> None:
        self._store = store
        self._journal = Journal(store)
        self._hub = hub
        self._metrics = metrics
        self._wall_clock = wall_clock
        self._one_at_a_time = asyncio.Lock()
        self._log = get_logger("coordinator")

    async def restore(self, *, stale: bool = False) -> None:
        """Let what the store holds take force, if it is newer. Raises StoreUnavailable."""
        async with self._one_at_a_time:
            directives, _ = await self._read(stale=stale)
            if directives.revision > self._hub.directives.revision:
                self._hub.direct(directives)

    async def set(self, override: Override, note: Note) -> Directives:
        """Put it in force, in place of an earlier one of that scope. Raises StoreUnavailable."""
        directives = await self._rewrite(lambda present: with_override(present, override), note)
        self._metrics.overrides.labels("set").inc()
        self._log.info("override set", scope=str(override.scope), action=override.action, who=override.who)
        return directives

    async def clear(self, scope: Scope, note: Note) -> Directives:
        """End the override of that scope. NOT_FOUND when there is none; raises StoreUnavailable."""

        def without(present: tuple[Override, ...]) -> tuple[Override, ...]:
            kept = tuple(override for override in present if override.scope != scope)
            if len(kept) == len(present):
                known = ", ".join(f"{override.scope.kind} {override.scope.name}" for override in present)
                raise not_found(f"there is no override of {scope.kind} '{scope.name}'; in force: {known or 'none'}")
            return kept

        directives = await self._rewrite(without, note)
        self._metrics.overrides.labels("cleared").inc()
        self._log.info("override cleared", scope=str(scope), who=note.who)
        return directives

    async def end_expired(self, fence: Mapping[str, int]) -> None:
        """End those whose time is over, as the leader with this fence.

        Raises StoreUnavailable, Conflict: then they stay, and the next call, of whoever leads then, ends them.
        """
        now = self._wall_clock()
        over = [override for override in self._hub.directives.overrides if is_over(override, now)]
        if not over:
            return
        note = Note(who=ITSELF, peer="", action="end", what=", ".join(str(override.scope) for override in over))
        await self._rewrite(lambda present: tuple(one for one in present if not is_over(one, now)), note, fence)
        self._metrics.overrides.labels("ended").inc(len(over))
        self._log.info("overrides ended", scopes=[str(override.scope) for override in over])

    async def _rewrite(self, rewrite: Rewrite, note: Note, fence: Mapping[str, int] = NO_FENCE) -> Directives:
        """Store the next directives by compare-and-swap, then publish them, even if the caller is gone by then."""
        return await asyncio.shield(asyncio.create_task(self._rewrite_now(rewrite, note, fence)))

    async def _rewrite_now(self, rewrite: Rewrite, note: Note, fence: Mapping[str, int]) -> Directives:
        async with self._one_at_a_time:
            for _ in range(_ATTEMPTS):
                present, revision = await self._read()
                directives = Directives(revision=present.revision + 1, overrides=rewrite(present.overrides))
                entry = self._entry(note, present.revision, directives.revision)
                try:
                    compares = {KEY: revision, **fence}
                    await self._journal.commit(entry, compares=compares, puts={KEY: _dump(directives)})
                except Conflict:
                    continue
                self._hub.direct(directives)
                return directives
            raise Conflict("the overrides are being changed by others all the time: try again")

    def _entry(self, note: Note, before: int, after: int) -> Entry:
        order = self._hub.order
        return note.done(self._wall_clock(), replace(order, directive=before), replace(order, directive=after))

    async def _read(self, *, stale: bool = False) -> tuple[Directives, int]:
        entry = await self._store.get(KEY, stale=stale)
        return (NO_DIRECTIVES, ABSENT) if entry is None else (load(entry.value), entry.revision)


def with_override(present: tuple[Override, ...], override: Override) -> tuple[Override, ...]:
    """`override` in place of an earlier one of its scope, sorted by scope."""
    others = (other for other in present if other.scope != override.scope)
    return tuple(sorted((*others, override), key=lambda one: one.scope))


def is_over(override: Override, now_unix_s: int) -> bool:
    return override.until_unix_s is not None and override.until_unix_s <= now_unix_s


def _dump(directives: Directives) -> bytes:
    return dump_directives(directives).SerializeToString(deterministic=True)


def load(value: bytes) -> Directives:
    """As the store holds them. Raises StoreUnavailable."""
    try:
        return load_directives(pb.Directives.FromString(value))
    except (DecodeError, InvalidSnapshot) as error:
        raise StoreUnavailable(f"the overrides in the store cannot be read: {error}") from None
