"""Operators' overrides: set, cleared and ended by time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from gslb.coordinator.admin.directives import DirectivesKeeper
from gslb.coordinator.audit.entry import Note
from gslb.coordinator.metrics import Metrics
from gslb.coordinator.refusals import not_found
from gslb.coordinator.relay.hub import Hub
from gslb.core.directives import Directives, Override, Scope
from gslb.runtime.logs import get_logger

ITSELF = "coordinator"
"""Who ends overrides whose time is over."""


class Overrides:
    """`wall_clock`: Unix seconds."""

    def __init__(self, keeper: DirectivesKeeper, hub: Hub, metrics: Metrics, wall_clock: Callable[[], int]) -> None:
        self._keeper = keeper
        self._hub = hub
        self._metrics = metrics
        self._wall_clock = wall_clock
        self._log = get_logger("coordinator")

    async def set(self, override: Override, note: Note) -> Directives:
        """Put it in force, in place of an earlier one of that scope. Raises StoreUnavailable."""

        def with_it(present: Directives) -> Directives:
            return replace(present, overrides=with_override(present.overrides, override))

        directives = await self._keeper.rewrite(with_it, note)
        self._metrics.overrides.labels("set").inc()
        self._log.info("override set", scope=str(override.scope), action=override.action, who=override.who)
        return directives

    async def clear(self, scope: Scope, note: Note) -> Directives:
        """End the override of that scope. NOT_FOUND when there is none; raises StoreUnavailable."""

        def without(present: Directives) -> Directives:
            kept = tuple(override for override in present.overrides if override.scope != scope)
            if len(kept) == len(present.overrides):
                known = ", ".join(f"{override.scope.kind} {override.scope.name}" for override in present.overrides)
                raise not_found(f"there is no override of {scope.kind} '{scope.name}'; in force: {known or 'none'}")
            return replace(present, overrides=kept)

        directives = await self._keeper.rewrite(without, note)
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

        def without(present: Directives) -> Directives:
            return replace(present, overrides=tuple(one for one in present.overrides if not is_over(one, now)))

        note = Note(who=ITSELF, peer="", action="end", what=", ".join(str(override.scope) for override in over))
        await self._keeper.rewrite(without, note, fence)
        self._metrics.overrides.labels("ended").inc(len(over))
        self._log.info("overrides ended", scopes=[str(override.scope) for override in over])


def with_override(present: tuple[Override, ...], override: Override) -> tuple[Override, ...]:
    """`override` in place of an earlier one of its scope, sorted by scope."""
    others = (other for other in present if other.scope != override.scope)
    return tuple(sorted((*others, override), key=lambda one: one.scope))


def is_over(override: Override, now_unix_s: int) -> bool:
    return override.until_unix_s is not None and override.until_unix_s <= now_unix_s
