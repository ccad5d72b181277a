"""What stages promise with `bound`: a chain that starts inside its reach never ends empty, outside, or too wide."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from support.policies import SLOTS, policies
from support.worlds import class_maps

from gslb.core.model import Policy
from gslb.core.steering.stages.base import Bench, Reach

SITES = {"blue": "ap-south", "green": "eu-west", "red": "eu-west"}


@given(policies("geo"), st.data())
def test_a_chain_keeps_what_its_bounds_say(policy: Policy, data: st.DataObject) -> None:
    keys = data.draw(st.sampled_from(data.draw(class_maps(policy)).keys))
    reach = Reach(slots=frozenset(SLOTS), single=False)
    for stage, key in zip(policy.stages, keys, strict=True):
        reach = stage.bound(reach, key, SITES)
    available = data.draw(st.frozensets(st.sampled_from(SLOTS)))
    row = tuple((slot, 1) for slot in sorted(reach.slots & available))
    started = bool(row)
    for stage, key in zip(policy.stages, keys, strict=True):
        row = stage.apply(row, key, Bench(available=available, sites=SITES)).row
        assert all(weight > 0 for _, weight in row)
        assert sorted(row) == list(row)
    assert bool(row) == started
    assert {slot for slot, _ in row} <= reach.slots & available
    assert not reach.single or len(row) <= 1
