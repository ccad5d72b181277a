"""What a pool can serve now: every member's state, and per level the members' shares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gslb.core.decision import Level, MemberState, PoolState, Shares
from gslb.core.directives import OUT, Action, Directives, Latch, Override, Scope, ScopeKind
from gslb.core.facts import Verdict
from gslb.core.steering.failback import FULL, Latches, counted, latch_of, strength
from gslb.core.steering.outline import Seat, SeenPool
from gslb.core.steering.shares import scale
from gslb.core.steering.verdicts import NOT_PROBED, Judge, Judgement

Overrides = tuple[Mapping[Scope, Override], ...]
"""By scope; what stands in an earlier one beats all the later ones, however narrow."""


def overrides_of(directives: Directives) -> Overrides:
    layers = (directives.break_glass, directives.overrides)
    return tuple({override.scope: override for override in layer} for layer in layers if layer)


def assess(pool: SeenPool, judge: Judge, overrides: Overrides, latches: Latches) -> PoolState:
    """The pool's state; the narrowest override of a member counts (member, pool, site)."""
    members = [
        _Member(
            seat, _judgement(pool, seat, judge), _override(pool, seat, overrides), pool, latch_of(pool, seat, latches)
        )
        for seat in pool.seats
    ]
    vectors = _vectors(pool, [member for member in members if member.may_serve])
    best = best_level(vectors)
    serving = {name for name, _ in vectors[best]} if best is not None and best < Level.ALL else set()
    states = (
        MemberState(
            member=member.name,
            verdict=member.judgement.verdict,
            cause=member.judgement.evidence,
            override=member.override,
            latch=member.latch,
            serving=member.name in serving,
        )
        for member in members
    )
    return PoolState(members=tuple(states), vectors=vectors, strength=_strength(pool, members, vectors))


def best_level(vectors: Mapping[Level, Shares]) -> Level | None:
    """The first level at which the pool can serve."""
    return min(vectors, default=None)


class _Member:
    """A seat with its verdict; `verdict` is what counts once overrides and latches are applied, `strength` how much."""

    __slots__ = ("judgement", "latch", "may_serve", "name", "override", "standby", "strength", "verdict", "weight")

    def __init__(
        self, seat: Seat, judgement: Judgement, override: Override | None, pool: SeenPool, latch: Latch | None
    ) -> None:
        forced_up = override is not None and override.action is Action.FORCE_UP
        self.name, self.weight, self.standby = seat.member.name, seat.member.weight, seat.member.standby
        self.judgement = judgement
        self.override = override
        self.latch = latch
        self.verdict = Verdict.UP if forced_up else counted(judgement.verdict, pool.failback.mode, latch)
        self.strength = FULL if forced_up else strength(judgement.verdict, pool.failback.mode, latch)
        self.may_serve = bool(self.weight) and (override is None or override.action not in OUT)


def _judgement(pool: SeenPool, seat: Seat, judge: Judge) -> Judgement:
    if seat.inside is None:
        return NOT_PROBED
    return judge.judge(pool.site, seat.inside, seat.outside, pool.down_after_ms)


def _override(pool: SeenPool, seat: Seat, overrides: Overrides) -> Override | None:
    if not overrides:
        return None
    scopes = (
        Scope(ScopeKind.MEMBER, f"{pool.key.pool}/{seat.member.name}"),
        Scope(ScopeKind.POOL, pool.key.pool),
        Scope(ScopeKind.SITE, pool.site),
    )
    return next((layer[scope] for layer in overrides for scope in scopes if scope in layer), None)


def _vectors(pool: SeenPool, members: list[_Member]) -> dict[Level, Shares]:
    """Members never probed wait while the pool has an up one, else they serve."""
    up = [member for member in members if member.verdict is Verdict.UP]
    serving = up or [member for member in members if member.verdict is Verdict.UNKNOWN]
    regular = [member for member in serving if not member.standby]
    levels = {
        Level.HEALTHY: regular if len(regular) >= pool.minimum else [],
        Level.DEGRADED: regular,
        Level.STANDBY: serving,
        Level.RECOVERING: serving + [member for member in members if member.verdict is Verdict.RECOVERING],
        Level.ALL: [member for member in members if not member.standby] or members,
    }
    return {level: _share(found) for level, found in levels.items() if found}


def _strength(pool: SeenPool, members: Iterable[_Member], vectors: Mapping[Level, Shares]) -> int:
    """That of the member with which the pool has as many as it needs, the strongest first."""
    if Level.HEALTHY not in vectors:
        return FULL
    sharing = dict(vectors[Level.HEALTHY])
    return sorted((member.strength for member in members if member.name in sharing), reverse=True)[pool.minimum - 1]


def _share(members: Iterable[_Member]) -> Shares:
    return scale(tuple((member.name, member.weight * member.strength) for member in members))
