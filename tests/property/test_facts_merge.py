"""Merging facts: the way and the order in which reports arrive make no difference."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gslb.core.facts import NO_FACTS, AgentId, Facts, Report, merge, merge_all
from gslb.core.forgetting import Forgotten, is_forgotten, without

AGENTS = [AgentId("eu/a"), AgentId("eu/b"), AgentId("us/a")]
REPORTS = st.builds(
    Report,
    agent=st.sampled_from(AGENTS),
    boot=st.integers(1, 3),
    sequence=st.integers(1, 3),
    layout=st.sampled_from([b"\0" * 8, b"\1" * 8]),
    states=st.binary(max_size=2),
    sick=st.booleans(),
    lag_ms=st.integers(0, 2),
)
FACTS = st.lists(REPORTS, max_size=6).map(lambda found: merged(NO_FACTS, found))


def merged(facts: Facts, reports: list[Report]) -> Facts:
    for report in reports:
        facts = merge(facts, report)
    return facts


@given(FACTS, FACTS)
def test_merge_is_commutative(one: Facts, other: Facts) -> None:
    assert merge_all(one, other) == merge_all(other, one)


@given(FACTS, FACTS, FACTS)
def test_merge_is_associative(one: Facts, other: Facts, third: Facts) -> None:
    assert merge_all(merge_all(one, other), third) == merge_all(one, merge_all(other, third))


@given(FACTS)
def test_merge_is_idempotent(one: Facts) -> None:
    assert merge_all(one, one) == one


@given(st.lists(REPORTS, max_size=6), st.data())
def test_reports_may_come_late_twice_and_in_any_order(reports: list[Report], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(reports + reports))
    assert merged(NO_FACTS, shuffled) == merged(NO_FACTS, reports)


@given(FACTS, REPORTS)
def test_the_newest_register_of_each_agent_stays(facts: Facts, report: Report) -> None:
    known = facts.reports.get(report.agent)
    after = merge(facts, report).reports[report.agent]
    assert after is (report if known is None or report.newer_than(known) else known)
    assert (after.boot, after.sequence) >= (report.boot, report.sequence)


@given(FACTS, REPORTS)
def test_nothing_new_is_the_same_object(facts: Facts, report: Report) -> None:
    after = merge(facts, report)
    assert merge(after, report) is after


@given(st.lists(REPORTS, max_size=6), st.dictionaries(st.sampled_from(AGENTS), st.integers(1, 3)), st.data())
def test_it_makes_no_difference_when_a_node_hears_who_is_forgotten(
    reports: list[Report], forgotten: Forgotten, data: st.DataObject
) -> None:
    """Those that came before are dropped, those that come after are not taken."""
    shuffled = data.draw(st.permutations(reports + reports))
    at = data.draw(st.integers(0, len(shuffled)))
    facts = without(merged(NO_FACTS, shuffled[:at]), forgotten)
    facts = merged(facts, [report for report in shuffled[at:] if not is_forgotten(report, forgotten)])
    assert facts == without(merged(NO_FACTS, reports), forgotten)
    assert all(report.boot > forgotten.get(agent, 0) for agent, report in facts.reports.items())
    assert without(facts, forgotten) is facts
