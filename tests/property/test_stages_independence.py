"""A class loses nothing but what it had: a slot that it did not get may fail without moving any of its clients."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from support.policies import SLOTS, policies
from support.worlds import class_maps

from gslb.core.model import Policy
from gslb.core.steering.stages.base import Bench, Row

SITES = {"blue": "ap-south", "green": "eu-west", "red": "us-east"}


def run(policy: Policy, keys: tuple[str, ...], slots: frozenset[str]) -> Row:
    row: Row = tuple((slot, 1) for slot in sorted(slots))
    for stage, key in zip(policy.stages, keys, strict=True):
        row = stage.apply(row, key, Bench(available=slots, sites=SITES)).row
    return row


@given(policies("geo"), st.data())
def test_losing_what_was_not_chosen_changes_nothing(policy: Policy, data: st.DataObject) -> None:
    keys = data.draw(st.sampled_from(data.draw(class_maps(policy)).keys))
    slots = data.draw(st.frozensets(st.sampled_from(SLOTS)))
    before = run(policy, keys, slots)
    lost = data.draw(st.frozensets(st.sampled_from(SLOTS))) - {slot for slot, _ in before}
    if before:
        assert run(policy, keys, slots - lost) == before


@given(policies("geo"), st.data())
def test_losing_what_was_chosen_leaves_the_others_of_the_row(policy: Policy, data: st.DataObject) -> None:
    keys = data.draw(st.sampled_from(data.draw(class_maps(policy)).keys))
    before = run(policy, keys, frozenset(SLOTS))
    lost = data.draw(st.frozensets(st.sampled_from(SLOTS)))
    left = tuple(pair for pair in before if pair[0] not in lost)
    if left:
        assert run(policy, keys, frozenset(SLOTS) - lost) == left
