"""How members come back that were down: what a latch holds back, and what becomes of latches as members do.

The leader notes who is down as a latch in the directives; everybody else only reads it. `manual`: whoever has a latch
counts as still recovering, so it serves where nothing better is left. `ramp`: it serves with a part of its weight that
grows with the latch's steps. Pure: times are arguments.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from gslb.core.decision import Decision, MemberState, PoolKey
from gslb.core.directives import OUT, Directives, Latch, LatchKey
from gslb.core.facts import Verdict
from gslb.core.model import FailbackMode
from gslb.core.snapshot import Snapshot
from gslb.core.steering.memo import by_identity
from gslb.core.steering.outline import Seat, SeenPool, outline

Latches = Mapping[LatchKey, Latch]

FULL = 20
"""Steps of a ramp: a member comes back with a twentieth of its weight and gains another with every step."""
MAX_LATCHES = 10_000
"""So that directives stay small; who goes down beyond that comes back by itself."""
MAX_LATCH_BYTES = 800_000
"""Of all latches in the directives, which are one value in the store: operators' overrides must fit beside them."""
_LATCH_BYTES = 50
"""Of one latch besides its names."""
_LONGEST_LATCH_BYTES = 400

_DOWN = frozenset({Verdict.DOWN, Verdict.RECOVERING})


def latches_of(directives: Directives) -> Latches:
    return {latch.key: latch for latch in directives.latches}


def latch_of(pool: SeenPool, seat: Seat, latches: Latches) -> Latch | None:
    """The one that counts: none where members come back by themselves."""
    if not latches or pool.failback.mode is FailbackMode.AUTO:
        return None
    return latches.get(LatchKey(*pool.key, seat.member.name))


def counted(verdict: Verdict, mode: FailbackMode, latch: Latch | None) -> Verdict:
    """What a verdict counts for: a member that waits for an operator is not back."""
    waits = latch is not None and mode is FailbackMode.MANUAL and verdict is not Verdict.DOWN
    return Verdict.RECOVERING if waits else verdict


def strength(verdict: Verdict, mode: FailbackMode, latch: Latch | None) -> int:
    """How much of its weight a member has, of FULL; only one that is up can be less than whole."""
    ramps = latch is not None and mode is FailbackMode.RAMP and verdict is Verdict.UP
    return min(latch.step + 1, FULL) if latch is not None and ramps else FULL


def is_back(state: MemberState) -> bool:
    """Whether the agents do not see it down any more, so that only its latch holds it back."""
    return state.latch is not None and state.verdict not in _DOWN


def are_full(latches: Collection[Latch]) -> bool:
    """Whether another one may find no room."""
    return len(latches) >= MAX_LATCHES or size_bytes(latches) > MAX_LATCH_BYTES - _LONGEST_LATCH_BYTES


def size_bytes(latches: Iterable[Latch]) -> int:
    """About what they take in the store, rather too much; names are ASCII."""
    return sum(sum(map(len, latch.key)) + _LATCH_BYTES for latch in latches)


def held(snapshot: Snapshot, directives: Directives, decision: Decision) -> Iterator[tuple[SeenPool, Latch]]:
    """Latches of members that are back, with their pools; sorted as latches are."""
    pools, states = outline(snapshot).pools, dict[PoolKey, dict[str, MemberState]]()
    for latch in directives.latches:
        key = PoolKey(latch.key.pool, latch.key.monitor, latch.key.family)
        if key in pools and key not in states:
            states[key] = {state.member: state for state in decision.pools[key].members}
        state = states.get(key, {}).get(latch.key.member)
        if state is not None and is_back(state):
            yield pools[key], latch


def changed_latches(snapshot: Snapshot, before: Directives, after: Directives) -> frozenset[str] | None:
    """Endpoints whose latch differs; None where more does, but for agents that are forgotten: those the facts lack."""
    if _without_latches(before) != _without_latches(after):
        return None
    differing = {latch.key for latch in set(before.latches) ^ set(after.latches)}
    pools = outline(snapshot).pools
    seats = (
        (key.member, pools[pool].seats)
        for key in differing
        if (pool := PoolKey(key.pool, key.monitor, key.family)) in pools
    )
    return frozenset(seat.member.endpoint for name, found in seats for seat in found if seat.member.name == name)


def _without_latches(directives: Directives) -> Directives:
    return replace(directives, revision=0, latches=(), forgotten=())


def advance(
    snapshot: Snapshot,
    decision: Decision,
    latches: Sequence[Latch],
    *,
    steps: Mapping[LatchKey, int],
    revision: int,
    now_unix_s: int,
) -> tuple[Latch, ...]:
    """The latches that follow from a decision, sorted by key. `steps`: how far time has taken ramps.

    Whoever is down has one, but for what an operator has taken out himself; it goes with its member, its pool's
    `failback`, an operator's word, or the last step of a ramp.
    """
    known = {latch.key: latch for latch in latches}
    kept, fresh = list[Latch](), list[Latch]()
    for key, seen in _slow_pools(snapshot).items():
        for state in decision.pools[key].members:
            member = LatchKey(*key, state.member)
            latch = known.get(member)
            if latch is None:
                if state.verdict in _DOWN and not _is_out(state):
                    fresh.append(Latch(key=member, revision=revision, down_unix_s=now_unix_s))
                continue
            following = _follow(latch, state.verdict, revision, now_unix_s)
            if seen.failback.mode is FailbackMode.RAMP and following.up_unix_s is not None:
                following = replace(following, step=max(following.step, steps.get(member, 0)))
            if following.step + 1 < FULL:
                kept.append(following if following != latch else latch)
    return tuple(sorted((*kept, *_that_fit(sorted(fresh, key=_key), kept)), key=_key))


def _follow(latch: Latch, verdict: Verdict, revision: int, now_unix_s: int) -> Latch:
    """With what the agents say now: down again after it was up is another down."""
    if verdict in _DOWN:
        again = Latch(key=latch.key, revision=revision, down_unix_s=now_unix_s)
        return again if latch.up_unix_s is not None else latch
    if verdict is Verdict.UP and latch.up_unix_s is None:
        return replace(latch, up_unix_s=now_unix_s)
    return latch


def _that_fit(fresh: Iterable[Latch], kept: Sequence[Latch]) -> Iterator[Latch]:
    """Beside those that are kept; the first ones."""
    count, taken_bytes = len(kept), size_bytes(kept)
    for latch in fresh:
        count, taken_bytes = count + 1, taken_bytes + size_bytes([latch])
        if count > MAX_LATCHES or taken_bytes > MAX_LATCH_BYTES:
            return
        yield latch


def _is_out(state: MemberState) -> bool:
    return state.override is not None and state.override.action in OUT


def _key(latch: Latch) -> LatchKey:
    return latch.key


@by_identity
def _slow_pools(snapshot: Snapshot) -> Mapping[PoolKey, SeenPool]:
    """Those whose members do not come back by themselves."""
    pools = outline(snapshot).pools
    return {key: seen for key, seen in pools.items() if seen.failback.mode is not FailbackMode.AUTO}
