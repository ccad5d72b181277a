"""Whether the client's prefix can ever matter to an answer: what the ECS scope rests on.

Static: told by the snapshot alone, whatever is up or down, so that the scopes of one name never change with health.
"""

from __future__ import annotations

from gslb.core.decision import PoolKey
from gslb.core.model import FailbackMode, Family, Service
from gslb.core.snapshot import Snapshot
from gslb.core.steering.memo import by_identity
from gslb.core.steering.outline import Lane, Outline, outline
from gslb.core.steering.stages.base import Reach

Shared = tuple[bool, ...]
"""By class."""


def shared_classes(snapshot: Snapshot, service: Service, family: Family) -> Shared:
    """By class, whether its clients can ever be shared between pools, or between members of a pool.

    A class that is not shared gets one and the same set of records for every cohort. A service that draws by query
    shares no class: what it answers does not depend on the prefix.
    """
    everything = outline(snapshot)
    number = everything.unit_of[service.name]
    unit = everything.units[number]
    if service.by_query or family not in unit.families:
        return (False,) * len(snapshot.classes[service.policy].keys)
    known, key = _known(snapshot), (number, family, service.answers)
    if key not in known:
        known[key] = _lane(everything, unit.lanes[unit.families.index(family)], service.answers)
    return known[key]


@by_identity
def _known(_: Snapshot) -> dict[tuple[int, Family, int], Shared]:
    """By unit, family and number of answers: what has been worked out so far."""
    return {}


def _lane(everything: Outline, lane: Lane, answers: int) -> Shared:
    last = lane.last_resort is not None and _picks_some(everything, lane.last_resort, answers)
    known = {reach: last or _is_shared(everything, lane, reach, answers) for reach in set(lane.chain.reaches)}
    return tuple([known[reach] for reach in lane.chain.reaches])


def _is_shared(everything: Outline, lane: Lane, reach: Reach, answers: int) -> bool:
    pools = {key for slot, key in lane.pools if slot in reach.slots}
    ramps = any(everything.pools[key].failback.mode is FailbackMode.RAMP for key in pools)
    between_pools = len(pools) > 1 and (ramps or not reach.single)
    return between_pools or any(_picks_some(everything, key, answers) for key in pools)


def _picks_some(everything: Outline, key: PoolKey, answers: int) -> bool:
    """Whether an answer can carry fewer members than the pool can have; `answers` 0 carries all."""
    possible = sum(1 for seat in everything.pools[key].seats if seat.member.weight)
    return 0 < answers < possible
