"""`decide` on random configurations and random health: like its slow twin, partial like whole."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import health
from support.naive import Naive
from support.worlds import World, worlds

from gslb.core.decision import Decision, LastResort, Pools, shares_of
from gslb.core.facts import Verdict
from gslb.core.model import Family, Service
from gslb.core.steering.decide import changed_endpoints, changed_latches, decide
from gslb.core.steering.outline import pool_key

SLOW = settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@SLOW
@given(worlds())
def test_decision_is_what_the_slow_twin_finds(world: World) -> None:
    decision, naive = world.decide(), world.naive()
    services = {service.name: service for service in world.snapshot.model.services}
    pools = {pool.name: pool for pool in world.snapshot.model.pools}
    for (name, family), row in decision.rows.items():
        service = services[name]
        for cls, outcome in enumerate(row):
            assert outcome == naive.outcome(service, family, cls)
            if not isinstance(outcome, Pools | LastResort):
                continue
            for pool, _ in shares_of(outcome, service.bindings):
                vectors = decision.pools[pool_key(pools[pool], service.monitor, family)].vectors
                assert vectors[outcome.level] == naive.members(pools[pool], service, family, outcome.level)


@SLOW
@given(worlds(), st.data())
def test_partial_decision_equals_the_whole(world: World, data: st.DataObject) -> None:
    before = world.decide()
    facts = data.draw(health.facts(world.snapshot))
    directives = replace(world.directives, latches=data.draw(health.latches(world.snapshot.model)))
    later = World(world.snapshot, directives, facts, data.draw(health.silent(facts)))
    latched = changed_latches(world.snapshot, world.directives, directives)
    assert latched is not None
    dirty = latched | changed_endpoints(world.snapshot, world.facts, facts, world.silent, later.silent)
    partial = decide(later.snapshot, later.directives, later.facts, later.silent, before, dirty)
    whole = later.decide()
    assert partial == whole
    assert partial.digest == whole.digest
    assert all(partial.pools[key] is state for key, state in before.pools.items() if whole.pools[key] == state)
    assert all(partial.rows[key] is row for key, row in before.rows.items() if whole.rows[key] == row)
    again = decide(later.snapshot, later.directives, later.facts, later.silent, partial, frozenset())
    assert again is partial
    check_moved(before, partial)
    check_moved(before, decide(later.snapshot, later.directives, later.facts, later.silent, before))


def check_moved(before: Decision, later: Decision) -> None:
    """A decision says exactly where it differs from the one that it was made on top of."""
    if later is before:
        return
    assert later.moved is not None
    assert later.moved.digest == before.digest
    assert later.moved.pools == {key for key, state in before.pools.items() if later.pools[key] != state}
    served = enumerate(zip(before.rows.served, later.rows.served, strict=True))
    assert later.moved.units == {number for number, (old, new) in served if old != new}


@settings(SLOW, max_examples=40)
@given(worlds(), worlds())
def test_decision_on_top_of_any_other_equals_the_whole(world: World, other: World) -> None:
    on_top = decide(world.snapshot, world.directives, world.facts, world.silent, other.decide())
    assert on_top == world.decide()
    assert on_top.digest == world.decide().digest
    assert on_top.digest != other.decide().digest or on_top == other.decide()


@SLOW
@given(worlds())
def test_answers_stay_among_the_eligible_and_none_is_down_while_one_is_up(world: World) -> None:
    decision, naive = world.decide(), world.naive()
    services = {service.name: service for service in world.snapshot.model.services}
    for (name, family), row in decision.rows.items():
        service = services[name]
        for cls, outcome in enumerate(row):
            eligible = {dict(service.bindings)[slot] for slot in naive.eligible(service, cls)}
            verdicts = {pool: _verdicts(naive, pool, service, family) for pool in eligible}
            any_up = any(Verdict.UP in found.values() for found in verdicts.values())
            if not isinstance(outcome, Pools | LastResort):
                assert not any_up
                continue
            names = {pool for pool, _ in shares_of(outcome, service.bindings)}
            assert names <= eligible or (not any_up and names == {service.all_down.pool})
            if any_up:
                served = {
                    verdicts[pool][member]
                    for pool in names
                    for member in _served(naive, pool, outcome, service, family)
                }
                assert Verdict.DOWN not in served


def _verdicts(naive: Naive, name: str, service: Service, family: Family) -> dict[str, Verdict]:
    """Members of a pool that could serve, if they were up."""
    pool = naive.pool(name)
    able = (
        m for m in pool.members if m.weight and family in naive.endpoint(m).families() and not naive.is_out(pool, m)
    )
    return {member.name: naive.verdict(pool, member, service, family) for member in able}


def _served(naive: Naive, pool: str, outcome: Pools | LastResort, service: Service, family: Family) -> list[str]:
    return [name for name, _ in naive.members(naive.pool(pool), service, family, outcome.level)]
