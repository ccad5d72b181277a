"""Failback: the leader notes who is down and takes ramps further, operators take back what waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from gslb.coordinator.admin.decider import Concluded, Decider
from gslb.coordinator.admin.directives import DirectivesKeeper
from gslb.coordinator.audit.entry import Note
from gslb.coordinator.metrics import Metrics
from gslb.coordinator.refusals import not_found
from gslb.coordinator.relay.hub import Hub
from gslb.core.decision import Decision
from gslb.core.directives import Directives, Latch, LatchKey, Scope, ScopeKind
from gslb.core.errors import Conflict
from gslb.core.model import FailbackMode
from gslb.core.steering.failback import FULL, advance, held
from gslb.runtime.logs import get_logger

MAX_NAMES = 20
"""Of waiting members, in a refusal."""


class Failback:
    """`clock` is monotonic, `wall_clock` gives Unix seconds."""

    def __init__(
        self,
        keeper: DirectivesKeeper,
        hub: Hub,
        decider: Decider,
        metrics: Metrics,
        clock: Callable[[], float],
        wall_clock: Callable[[], int],
    ) -> None:
        self._keeper = keeper
        self._hub = hub
        self._decider = decider
        self._metrics = metrics
        self._wall_clock = wall_clock
        self._pace = _Pace(clock)
        self._settled: Decision | None = None
        """From which nothing followed but what is stored."""
        self._log = get_logger("coordinator")

    async def look(self, fence: Mapping[str, int]) -> None:
        """Bring latches up to what is so now, as the leader with this fence: one transaction, however many they are.

        After a start only once it is known what agents say. Raises StoreUnavailable, Conflict: the next look does it.
        """
        concluded, presence = await self._decider.conclude(), self._hub.presence
        if concluded is None or (presence.is_settling and not concluded.facts.reports.keys() <= presence.heard()):
            return
        steps = self._pace.steps(concluded)
        if concluded.decision is self._settled and not steps:
            return
        before, now_unix_s = concluded.directives.latches, self._wall_clock()

        def follow(present: Directives) -> Directives:
            if present.revision != concluded.directives.revision:
                return present  # an operator was first, maybe with what this decision does not know of: look again
            latches = advance(
                concluded.snapshot,
                concluded.decision,
                present.latches,
                steps=steps,
                revision=present.revision + 1,
                now_unix_s=now_unix_s,
            )
            return replace(present, latches=latches) if latches != present.latches else present

        if await asyncio.to_thread(follow, concluded.directives) is not concluded.directives:
            self._count(before, (await self._keeper.rewrite(follow, None, fence)).latches)
        else:
            self._settled = concluded.decision

    async def release(self, scopes: Collection[Scope], concluded: Concluded, note: Note) -> tuple[Latch, ...]:
        """Take back wholly those that are up again; each by the down it had, so that a later one stays noted.

        NOT_FOUND when none of them waits; raises StoreUnavailable, Conflict.
        """
        back = [latch for _, latch in held(concluded.snapshot, concluded.directives, concluded.decision)]
        named = {latch.key: latch.revision for latch in back if any(_covers(scope, latch.key) for scope in scopes)}
        if not named:
            raise not_found(_nothing_waits(scopes, back))
        released: tuple[Latch, ...] = ()

        def without(present: Directives) -> Directives:
            nonlocal released
            released = tuple(latch for latch in present.latches if named.get(latch.key) == latch.revision)
            if not released:
                raise Conflict("they have gone down again, or somebody else was first: look at `gslb status`")
            return replace(
                present, latches=tuple(latch for latch in present.latches if named.get(latch.key) != latch.revision)
            )

        await self._keeper.rewrite(without, note)
        self._metrics.failbacks.labels("released").inc(len(released))
        self._log.info("failback", members=len(released), scopes=[str(scope) for scope in scopes], who=note.who)
        return released

    def _count(self, before: Sequence[Latch], after: Sequence[Latch]) -> None:
        """What the leader has done: members noted down, and ramps that are over."""
        was, now = ({latch.key: latch.revision for latch in latches} for latches in (before, after))
        noted = sum(was.get(key) != revision for key, revision in now.items())
        if noted:
            self._metrics.failbacks.labels("noted").inc(noted)
            self._log.info("members noted down", members=noted)
        self._metrics.failbacks.labels("ended").inc(len(was.keys() - now.keys()))


@dataclass(frozen=True, slots=True)
class _Leg:
    """A part of a ramp under this leader: from which step of which latch, and since when."""

    revision: int
    step: int
    since_s: float


class _Pace:
    """How far time has taken ramps, by the monotonic clock of this leader; the steps of earlier ones are stored."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._legs: Mapping[LatchKey, _Leg] = {}

    def steps(self, concluded: Concluded) -> Mapping[LatchKey, int]:
        """Of ramps that are further than their latches say."""
        now_s, legs, found = self._clock(), dict[LatchKey, _Leg](), dict[LatchKey, int]()
        for seen, latch in held(concluded.snapshot, concluded.directives, concluded.decision):
            if seen.failback.mode is not FailbackMode.RAMP or latch.up_unix_s is None:
                continue
            leg = self._legs.get(latch.key)
            if leg is None or leg.revision != latch.revision:
                leg = _Leg(latch.revision, latch.step, now_s)
            legs[latch.key] = leg
            step = leg.step + int((now_s - leg.since_s) * 1000 * (FULL - 1) / seen.failback.over_ms)
            if step > latch.step:
                found[latch.key] = step
        self._legs = legs
        return found


def count_latches(concluded: Concluded, metrics: Metrics) -> None:
    """How many members are down, wait or ramp up."""
    back = [seen.failback.mode for seen, _ in held(concluded.snapshot, concluded.directives, concluded.decision)]
    waiting = back.count(FailbackMode.MANUAL)
    metrics.latches.labels("down").set(len(concluded.directives.latches) - len(back))
    metrics.latches.labels("waiting").set(waiting)
    metrics.latches.labels("ramping").set(len(back) - waiting)


def _covers(scope: Scope, key: LatchKey) -> bool:
    return scope.name == (key.pool if scope.kind is ScopeKind.POOL else f"{key.pool}/{key.member}")


def _nothing_waits(scopes: Collection[Scope], back: Collection[Latch]) -> str:
    waiting = sorted({f"{latch.key.pool}/{latch.key.member}" for latch in back})
    shown = ", ".join(waiting[:MAX_NAMES]) + (" ..." if len(waiting) > MAX_NAMES else "")
    asked = ", ".join(f"{scope.kind} '{scope.name}'" for scope in scopes)
    return f"nothing of {asked} waits for failback; waiting: {shown or 'none'}"
