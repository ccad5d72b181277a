"""How long agents are silent: what nodes remember, believe each other, and let a decision know."""

from __future__ import annotations

from gslb.core.facts import AgentId
from gslb.core.silence import followed, passed

EU, US = AgentId("eu/a"), AgentId("us/a")


def test_silence_counts_from_when_it_was_first_told() -> None:
    since_s = followed({}, {EU: 0.0}, 100.0)
    assert followed(since_s, {EU: 0.0, US: 0.0}, 130.0) == {EU: 100.0, US: 130.0}


def test_an_agent_that_is_heard_begins_anew() -> None:
    since_s = followed({EU: 100.0}, {}, 130.0)
    assert followed(since_s, {EU: 0.0}, 131.0) == {EU: 131.0}


def test_one_who_has_known_it_for_longer_is_believed_and_one_who_has_just_started_is_not() -> None:
    assert followed({EU: 100.0}, {EU: 50.0}, 130.0) == {EU: 80.0}
    assert followed({EU: 80.0}, {EU: 1.0}, 131.0) == {EU: 80.0}


def test_a_decision_sees_only_the_longest_limit_that_has_passed() -> None:
    limits = {60_000, 10_000}
    assert passed({EU: 0.0}, limits, 9.9) == {EU: 0}
    assert passed({EU: 0.0}, limits, 10.0) == {EU: 10_000}
    assert passed({EU: 0.0, US: 30.0}, limits, 60.0) == {EU: 60_000, US: 10_000}
    assert passed({EU: 0.0}, (), 60.0) == {EU: 0}
