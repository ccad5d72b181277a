"""Where `shared_classes` says no, the client's cohort changes nothing, whatever is up or down."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from support.worlds import World, worlds

from gslb.core.decision import LastResort, Pools, shares_of
from gslb.core.steering.cohorts import COHORTS, winners
from gslb.core.steering.outline import pool_key
from gslb.core.steering.scope import shared_classes

SOME_COHORTS = range(0, COHORTS, 61)


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(worlds())
def test_a_class_that_is_not_shared_gets_one_answer_for_all_cohorts(world: World) -> None:
    decision = world.decide()
    services = {service.name: service for service in world.snapshot.model.services}
    pools = {pool.name: pool for pool in world.snapshot.model.pools}
    for (name, family), row in decision.rows.items():
        service = services[name]
        for outcome, shared in zip(row, shared_classes(world.snapshot, service, family), strict=True):
            if shared or service.by_query or not isinstance(outcome, Pools | LastResort):
                continue
            ((pool, _),) = shares_of(outcome, service.bindings)
            key = pool_key(pools[pool], service.monitor, family)
            vector = decision.pools[key].vectors[outcome.level]
            assert len({frozenset(winners(vector, cohort, service.answers)) for cohort in SOME_COHORTS}) == 1
