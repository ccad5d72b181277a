"""Agents' reports in one verdict: several agents, silence, doubt, revisions, and what counts as changed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.verdicts import SNAPSHOT, TARGETS, report

from gslb.core.facts import AgentId, Cause, Facts, Report, State, Verdict
from gslb.core.layouts import Layout
from gslb.core.silence import NO_SILENCE, Silence
from gslb.core.steering.verdicts import UNSEEN, Judge, changed_endpoints, combine

UP, RECOVERING = State(Verdict.UP, Cause.OK), State(Verdict.RECOVERING, Cause.OK)
REFUSED, TIMEOUT = State(Verdict.DOWN, Cause.REFUSED), State(Verdict.DOWN, Cause.TIMEOUT)
UNKNOWN = State(Verdict.UNKNOWN, Cause.NONE)
NOBODY = NO_SILENCE
LIMIT_MS = 60_000


@pytest.mark.parametrize(
    ("states", "verdict", "evidence"),
    [
        ((), Verdict.UNKNOWN, None),
        ((UP,), Verdict.UP, UP),
        ((TIMEOUT,), Verdict.DOWN, TIMEOUT),
        ((UP, TIMEOUT), Verdict.UP, UP),
        ((RECOVERING, TIMEOUT), Verdict.RECOVERING, RECOVERING),
        ((UNKNOWN, TIMEOUT), Verdict.DOWN, TIMEOUT),
        ((TIMEOUT, TIMEOUT), Verdict.DOWN, TIMEOUT),
        ((UP, REFUSED), Verdict.DOWN, REFUSED),
        ((TIMEOUT, REFUSED, UP), Verdict.DOWN, REFUSED),
        ((RECOVERING, UP), Verdict.UP, UP),
        ((UNKNOWN, RECOVERING), Verdict.RECOVERING, RECOVERING),
        ((UNKNOWN, UNKNOWN), Verdict.UNKNOWN, UNKNOWN),
    ],
)
def test_several_agents_must_agree_on_a_time_out_only(
    states: tuple[State, ...], verdict: Verdict, evidence: State | None
) -> None:
    found = combine(states)
    assert (found.verdict, found.evidence) == (verdict, evidence)
    assert combine(reversed(states)).verdict is verdict


def facts(*reports: Report) -> Facts:
    return Facts({report.agent: report for report in reports})


def verdict(known: Facts, silent: Silence = NOBODY, down_after_ms: int | None = None) -> Verdict:
    """Of e1 at site eu."""
    return Judge(SNAPSHOT, known, silent).judge("eu", *TARGETS["e1"], down_after_ms).verdict


def agents(*names: str, passed_ms: int = 0) -> Silence:
    return dict.fromkeys(map(AgentId, names), passed_ms)


def test_nobody_has_reported() -> None:
    assert Judge(SNAPSHOT, facts(), NOBODY).judge("eu", *TARGETS["e1"]) == UNSEEN


def test_a_silent_agent_counts_only_where_all_are_silent() -> None:
    known = facts(report("eu/a", e1=UP), report("eu/b", e1=TIMEOUT))
    assert verdict(known) is Verdict.UP
    assert verdict(known, agents("eu/a")) is Verdict.DOWN
    assert verdict(known, agents("eu/a", "eu/b")) is Verdict.UP


def test_time_outs_of_a_sick_agent_are_unknown_and_refusals_are_not() -> None:
    sick = replace(report("eu/a", e1=TIMEOUT), sick=True)
    assert verdict(facts(sick)) is Verdict.UNKNOWN
    assert verdict(facts(sick, report("eu/b", e1=UP))) is Verdict.UP
    assert verdict(facts(replace(report("eu/a", e1=REFUSED), sick=True))) is Verdict.DOWN


KNOWN = report("eu/a", e1=REFUSED)


@pytest.mark.parametrize(
    "wrong",
    [replace(KNOWN, layout=bytes(8)), replace(KNOWN, states=b""), replace(KNOWN, agent=AgentId("us/a"))],
    ids=["unknown revision", "wrong length", "layout of another site"],
)
def test_a_report_that_fits_no_known_layout_is_no_report(wrong: Report) -> None:
    assert verdict(facts(KNOWN)) is Verdict.DOWN
    assert verdict(facts(wrong)) is Verdict.UNKNOWN


def test_reports_of_an_earlier_revision_still_count() -> None:
    before = next(layout for layout in SNAPSHOT.layouts if layout.site == "eu")
    short = Layout(site="eu", targets=before.targets[:1])
    snapshot = replace(SNAPSHOT, layouts=(*SNAPSHOT.layouts, short))
    old = Report(agent=AgentId("eu/a"), boot=1, sequence=1, layout=short.digest, states=bytes([REFUSED.octet]))
    judge = Judge(snapshot, facts(old), NOBODY)
    assert judge.judge("eu", *TARGETS["e1"]).verdict is Verdict.DOWN
    assert judge.judge("eu", *TARGETS["e2"]) == UNSEEN


LOST = (report("us/a", e1=TIMEOUT), report("asia/a", e1=TIMEOUT))
"""What two other sites see."""


def test_two_other_sites_take_out_a_silent_sites_member() -> None:
    known = facts(report("eu/a", e1=UP), *LOST)
    assert verdict(known) is Verdict.UP
    assert verdict(known, agents("eu/a")) is Verdict.DOWN


def test_outside_views_count_only_when_the_sites_own_agents_are_silent() -> None:
    assert verdict(facts(*LOST)) is Verdict.UNKNOWN
    known = facts(report("eu/a", e1=UP), replace(report("eu/b", e1=UP), layout=bytes(8)), *LOST)
    assert verdict(known, agents("eu/a")) is Verdict.UP


@pytest.mark.parametrize(
    "views",
    [
        (LOST[0],),
        (LOST[0], report("us/b", e1=REFUSED)),
        (*LOST, report("us/b", e1=UP)),
        (LOST[0], report("asia/a", e1=UNKNOWN)),
        (LOST[0], replace(LOST[1], sick=True)),
    ],
    ids=["one site", "one site twice", "one of three sees it", "the other does not know", "the other is sick"],
)
def test_outside_views_that_do_not_agree_change_nothing(views: tuple[Report, ...]) -> None:
    assert verdict(facts(report("eu/a", e1=UP), *views), agents("eu/a")) is Verdict.UP


def test_verdicts_that_nobody_renews_lapse_where_the_monitor_says_so() -> None:
    known = facts(report("eu/a", e1=UP), report("eu/b", e1=UP))
    long, short = agents("eu/a", "eu/b", passed_ms=LIMIT_MS), agents("eu/a", "eu/b", passed_ms=LIMIT_MS - 1)
    assert verdict(known, long) is Verdict.UP
    assert verdict(known, short, LIMIT_MS) is Verdict.UP
    assert verdict(known, long, LIMIT_MS) is Verdict.DOWN
    assert verdict(known, {**long, **agents("eu/b")}, LIMIT_MS) is Verdict.UP  # one was heard later
    assert verdict(known, agents("eu/a", passed_ms=LIMIT_MS), LIMIT_MS) is Verdict.UP  # one is heard


def test_verdicts_of_a_site_that_another_still_sees_do_not_lapse() -> None:
    known = facts(report("eu/a", e1=UP), report("us/a", e1=UP))
    assert verdict(known, agents("eu/a", passed_ms=LIMIT_MS), LIMIT_MS) is Verdict.UP
    assert verdict(known, agents("eu/a", "us/a", passed_ms=LIMIT_MS), LIMIT_MS) is Verdict.DOWN


def test_silent_outside_agents_do_not_count() -> None:
    assert verdict(facts(report("eu/a", e1=UP), *LOST), agents("eu/a", "us/a")) is Verdict.UP


def changed(before: Facts, after: Facts, turned: Silence = NOBODY) -> frozenset[str]:
    return changed_endpoints(SNAPSHOT, before, after, NOBODY, turned)


def test_only_states_that_differ_are_changes() -> None:
    first = facts(report("eu/a", e1=UP, e2=UP))
    assert changed(first, first) == frozenset()
    assert changed(first, facts(replace(report("eu/a", e1=UP, e2=UP), sequence=2))) == frozenset()
    assert changed(first, facts(replace(report("eu/a", e1=UP, e2=REFUSED), sequence=2))) == {"e2"}


def test_everything_a_site_knows_changes_with_its_agents() -> None:
    known = report("eu/a", e1=UP, e2=UP)
    assert changed(facts(), facts(known)) == {"e1", "e2"}
    assert changed(facts(known), facts(replace(known, sick=True))) == {"e1", "e2"}
    assert changed(facts(known), facts(known), agents("eu/a")) == {"e1", "e2"}
    assert changed(facts(known), facts(known), agents("eu/a", passed_ms=1)) == {"e1", "e2"}
    assert changed(facts(known), facts(replace(known, layout=bytes(8)))) == {"e1", "e2"}
