"""Whom nobody hears, by the beats of several coordinators."""

from __future__ import annotations

from gslb.core.facts import AgentId
from gslb.core.hearing import Hearing

EU, US = AgentId("eu/1"), AgentId("us/1")


def beats(hearing: Hearing, coordinator: str, heard: list[AgentId], count: int, start_s: float = 0.0) -> float:
    for beat in range(count):
        hearing.beat(coordinator, heard, start_s + beat)
    return start_s + count - 1


def test_an_agent_that_no_coordinator_hears_is_silent() -> None:
    hearing = Hearing()
    beats(hearing, "a", [EU], 5)
    now = beats(hearing, "b", [], 5)
    assert hearing.silent([EU, US], now) == {US}


def test_a_coordinator_just_reached_says_nobody_is_silent_yet() -> None:
    hearing = Hearing()
    assert hearing.silent([EU], beats(hearing, "a", [], 2)) is None
    assert hearing.silent([EU], beats(hearing, "a", [], 1, start_s=2)) == {EU}


def test_what_a_fresh_coordinator_hears_counts_at_once() -> None:
    hearing = Hearing()
    now = beats(hearing, "a", [], 5)
    hearing.beat("b", [EU], now)
    assert hearing.silent([EU, US], now) == {US}


def test_without_a_coordinator_there_is_no_conclusion() -> None:
    hearing = Hearing()
    assert hearing.silent([EU], 0.0) is None
    now = beats(hearing, "a", [], 5)
    assert hearing.silent([EU], now + 10) is None, "its last beat is old"
    hearing.lost("a")
    assert hearing.silent([EU], now) is None
