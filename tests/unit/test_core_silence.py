"""How long agents are silent: what nodes remember, believe each other, and let a decision know."""

from __future__ import annotations

from gslb.core.facts import AgentId
from gslb.core.silence import Silences

EU, US = AgentId("eu/a"), AgentId("us/a")
BOTH = (EU, US)


def test_silence_counts_from_when_it_was_first_told() -> None:
    silences = Silences()
    silences.follow(BOTH, {EU: 0.0}, 100.0)
    silences.follow(BOTH, {EU: 0.0, US: 0.0}, 130.0)
    assert silences.ages_s(130.0) == {EU: 30.0, US: 0.0}


def test_an_agent_that_is_heard_begins_anew() -> None:
    silences = Silences()
    silences.follow(BOTH, {EU: 0.0}, 100.0)
    silences.follow(BOTH, {}, 130.0)
    silences.follow(BOTH, {EU: 0.0}, 131.0)
    assert silences.ages_s(131.0) == {EU: 0.0}


def test_one_who_has_known_it_for_longer_is_believed_and_one_who_has_just_started_is_not() -> None:
    silences = Silences()
    silences.follow(BOTH, {EU: 50.0, US: 0.0}, 130.0)
    assert silences.ages_s(130.0) == {EU: 50.0, US: 0.0}
    silences.follow(BOTH, {EU: 1.0, US: 1.0}, 131.0)
    assert silences.ages_s(131.0) == {EU: 51.0, US: 1.0}


def test_nobody_is_believed_beyond_the_time_when_the_agent_was_heard() -> None:
    """A coordinator that was cut off for 10 minutes knows less than who heard the agent over another one."""
    silences = Silences()
    silences.follow(BOTH, {US: 600.0}, 100.0)
    silences.follow(BOTH, {EU: 600.0, US: 600.0}, 101.0)
    assert silences.ages_s(101.0) == {EU: 1.0, US: 601.0}


def test_what_was_known_before_a_restart_counts_for_those_that_are_silent_still() -> None:
    silences = Silences()
    silences.remember({EU: 60.0, US: 60.0}, 10.0)
    silences.follow(BOTH, {EU: 0.0}, 20.0)
    silences.follow(BOTH, {EU: 0.0, US: 0.0}, 30.0)
    assert silences.ages_s(30.0) == {EU: 80.0, US: 0.0}


def test_a_decision_sees_only_the_longest_limit_that_has_passed() -> None:
    limits, silences = {60_000, 10_000}, Silences()
    silences.follow(BOTH, {EU: 0.0}, 0.0)
    assert silences.passed(limits, 9.9) == {EU: 0}
    assert silences.passed(limits, 10.0) == {EU: 10_000}
    silences.follow(BOTH, {EU: 0.0, US: 0.0}, 30.0)
    assert silences.passed(limits, 60.0) == {EU: 60_000, US: 10_000}
    assert silences.passed((), 60.0) == {EU: 0, US: 0}
