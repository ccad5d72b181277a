"""Latches on random worlds: no row goes empty, ramps only add clients, what the leader notes settles at once."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from support.worlds import World, worlds

from gslb.codec.facts import dump_directives
from gslb.core.decision import Decision, Level, PoolKey, Pools, shares_of
from gslb.core.directives import OUT, Directives, Latch, LatchKey
from gslb.core.facts import Verdict
from gslb.core.model import FailbackMode, Family
from gslb.core.names import Name
from gslb.core.steering.cohorts import COHORTS, winners
from gslb.core.steering.failback import FULL, advance, size_bytes
from gslb.core.steering.outline import outline

SOME = settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
COHORTS_TRIED = range(0, COHORTS, 7)


def latched(world: World, latches: tuple[Latch, ...]) -> World:
    return replace(world, directives=replace(world.directives, latches=latches))


def answers(world: World, decision: Decision) -> dict[tuple[Name, str, int], tuple[tuple[str, int], ...]]:
    """Shares of pools, of every service, family and class that pools answer."""
    bindings = {service.name: service.bindings for service in world.snapshot.model.services}
    return {
        (name, family, cls): shares_of(outcome, bindings[name])
        for (name, family), row in decision.rows.items()
        for cls, outcome in enumerate(row)
        if isinstance(outcome, Pools)
    }


NAMES = st.text("abz09.-_", min_size=1, max_size=100)
NUMBERS = st.integers(0, 2**63 - 1)


@given(st.lists(st.builds(LatchKey, NAMES, NAMES, st.sampled_from(Family), NAMES), min_size=1), NUMBERS, NUMBERS)
def test_latches_take_no_more_room_than_is_reckoned(keys: list[LatchKey], revision: int, at_s: int) -> None:
    latches = [Latch(key=key, revision=revision, down_unix_s=at_s, up_unix_s=at_s, step=FULL) for key in keys]
    assert len(dump_directives(Directives(latches=tuple(latches))).SerializeToString()) <= size_bytes(latches)


@SOME
@given(worlds())
def test_latches_never_empty_a_row(world: World) -> None:
    free, held = latched(world, ()).decide(), world.decide()
    assert held.down == free.down
    assert answers(world, held).keys() == answers(world, free).keys()


@SOME
@given(worlds(), st.data())
def test_a_step_of_a_ramp_only_adds_clients(world: World, data: st.DataObject) -> None:
    pools = outline(world.snapshot).pools
    ramped = [
        latch
        for latch in world.directives.latches
        if (pool := pools.get(PoolKey(*latch.key[:3]))) is not None and pool.failback.mode is FailbackMode.RAMP
    ]
    assume(ramped)
    latch = data.draw(st.sampled_from(ramped))
    step = data.draw(st.integers(0, FULL - 2))
    others = tuple(one for one in world.directives.latches if one is not latch)
    before, after = (
        latched(world, (*others, *one)).decide()
        for one in ((replace(latch, step=step),), (replace(latch, step=step + 1),) if step < FULL - 2 else ())
    )
    key = PoolKey(*latch.key[:3])
    for level, shares in before.pools[key].vectors.items():
        more = after.pools[key].vectors[level]
        assert dict(more).get(latch.key.member, 0) >= dict(shares).get(latch.key.member, 0)
        for cohort in COHORTS_TRIED if level is Level.HEALTHY else ():
            if winners(shares, cohort)[0] == latch.key.member:
                assert winners(more, cohort)[0] == latch.key.member
    was, now = answers(world, before), answers(world, after)
    assert was.keys() == now.keys()
    for place, shares in was.items():
        if place[1] == key.family:
            assert dict(now[place]).get(key.pool, 0) >= dict(shares).get(key.pool, 0)


@SOME
@given(worlds(), st.integers(2, 9))
def test_what_the_leader_notes_settles_at_once(world: World, revision: int) -> None:
    before = world.decide()
    noted = advance(world.snapshot, before, world.directives.latches, steps={}, revision=revision, now_unix_s=revision)
    assert list(noted) == sorted(noted, key=lambda latch: latch.key)
    later = latched(world, noted)
    after = later.decide()
    assert advance(world.snapshot, after, noted, steps={}, revision=revision + 1, now_unix_s=99) == noted
    known, new = {latch.key for latch in world.directives.latches}, {latch.key: latch for latch in noted}
    for key, seen in outline(world.snapshot).pools.items():
        for state in after.pools[key].members:
            latch = new.get((*key, state.member))
            is_slow = seen.failback.mode is not FailbackMode.AUTO
            is_out = state.override is not None and state.override.action in OUT
            if is_slow and state.verdict in (Verdict.DOWN, Verdict.RECOVERING):
                assert latch is not None or is_out
                assert latch is None or latch.up_unix_s is None
            else:
                assert latch is None or latch.key in known
            assert latch is None or is_slow
