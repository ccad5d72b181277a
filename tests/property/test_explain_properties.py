"""Explain: what it says is what `decide` found and what the draw gives."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.worlds import World, worlds

from gslb.core.decision import WHOLE, LastResort, Pools, shares_of
from gslb.core.steering.cohorts import COHORTS, Draw, winners
from gslb.core.steering.explain import explain
from gslb.core.steering.outline import pool_key


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(worlds(), st.integers(0, COHORTS - 1), st.integers(0, COHORTS - 1))
def test_explained_is_what_is_decided_and_drawn(world: World, for_pool: int, for_member: int) -> None:
    decision = world.decide()
    services = {service.name: service for service in world.snapshot.model.services}
    pools = {pool.name: pool for pool in world.snapshot.model.pools}
    for (name, family), row in decision.rows.items():
        service = services[name]
        for cls, outcome in enumerate(row):
            draw = Draw(for_pool, for_member)
            found = explain(
                world.snapshot,
                world.directives,
                world.facts,
                world.silent,
                service=service,
                family=family,
                cls=cls,
                draw=draw,
            )
            assert found.outcome == outcome
            assert all(sum(share for _, share in step.row) == WHOLE for step in found.steps if step.row)
            if isinstance(outcome, Pools | LastResort):
                names = [pool for pool, _ in shares_of(outcome, service.bindings)]
                slots = dict(service.bindings)
                drawn = slots[winners(outcome.shares, for_pool)[0]] if isinstance(outcome, Pools) else names[0]
                assert found.pool == drawn
                assert drawn in names
                key = pool_key(pools[found.pool], service.monitor, family)
                vector = decision.pools[key].vectors[outcome.level]
                assert found.members == winners(vector, for_member, service.answers)
            else:
                assert (found.pool, found.members) == ("", ())
