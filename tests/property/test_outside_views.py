"""What views from outside can do to a member, and what they never can; who looks at what."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.health import RECOVERING, REFUSED, TIMEOUT, UNKNOWN, UP
from support.verdicts import SNAPSHOT, TARGETS, report

from gslb.core.facts import AgentId, Facts, Report, State, Verdict
from gslb.core.layouts import watchers
from gslb.core.silence import NO_SILENCE, Silence
from gslb.core.steering.outside import Watch, loss
from gslb.core.steering.verdicts import Judge

STATES = (UP, RECOVERING, REFUSED, TIMEOUT, UNKNOWN)
AGENTS = ("eu/a", "eu/b", "us/a", "us/b", "asia/a")
INSIDE, WATCH = TARGETS["e1"]
LIMIT_MS = 60_000


def reports() -> st.SearchStrategy[tuple[Report, ...]]:
    """Of some agents, at the member's own site (eu) and elsewhere."""
    one = st.builds(
        lambda agent, state, sick: replace(report(agent, e1=state), sick=sick),
        st.sampled_from(AGENTS),
        st.sampled_from(STATES),
        st.booleans(),
    )
    return st.lists(one, unique_by=lambda found: found.agent, max_size=len(AGENTS)).map(tuple)


def silent() -> st.SearchStrategy[Silence]:
    return st.dictionaries(st.sampled_from(AGENTS).map(AgentId), st.sampled_from([0, LIMIT_MS]))


def judged(found: tuple[Report, ...], silenced: Silence, *, always: bool) -> Verdict:
    """Of e1 at eu."""
    facts = Facts({one.agent: one for one in found})
    return Judge(SNAPSHOT, facts, silenced).judge("eu", INSIDE, replace(WATCH, always=always)).verdict


def with_state(found: tuple[Report, ...], agent: str, state: State) -> tuple[Report, ...]:
    """The same reports, but for what one agent says."""
    return (*(one for one in found if one.agent != agent), report(agent, e1=state))


@given(reports(), silent(), st.sampled_from(AGENTS), st.booleans())
def test_more_evidence_of_up_never_takes_a_member_out(
    found: tuple[Report, ...], silenced: Silence, agent: str, always: bool
) -> None:
    if judged(found, silenced, always=always) is not Verdict.DOWN:
        known = any(one.agent == agent for one in found)
        seen = with_state(found, agent, UP) if known else found
        assert judged(seen, silenced, always=always) is not Verdict.DOWN


@given(reports(), silent(), st.sampled_from(["us", "asia"]), st.booleans())
def test_no_other_site_takes_a_member_out_alone(
    found: tuple[Report, ...], silenced: Silence, site: str, always: bool
) -> None:
    own = tuple(one for one in found if one.site == "eu")
    alone = tuple(one for one in found if one.site in ("eu", site))
    assert judged(alone, silenced, always=always) is judged(own, silenced, always=always)


@given(reports(), silent(), st.sampled_from(STATES), st.booleans())
def test_one_site_that_still_sees_it_keeps_a_member(
    found: tuple[Report, ...], silenced: Silence, state: State, always: bool
) -> None:
    """So agents that are cut off move nothing, however many they are."""
    seen = with_state(with_state(found, "asia/a", UP), "eu/a", state)
    heard = {agent: passed_ms for agent, passed_ms in silenced.items() if agent != "asia/a"}
    own = tuple(one for one in seen if one.site == "eu")
    assert judged(seen, heard, always=always) is judged(own, heard, always=always)


@given(reports(), silent(), st.booleans())
def test_time_outs_of_sick_observers_are_no_view(found: tuple[Report, ...], silenced: Silence, always: bool) -> None:
    """Only refusals of theirs count."""
    sick = tuple(replace(one, sick=True) if one.site != "eu" else one for one in found)
    kept = tuple(
        with_unknown if one.site != "eu" and State.from_octet(one.states[at(one)]) == TIMEOUT else one
        for one in sick
        for with_unknown in [report(one.agent, e1=UNKNOWN)]
    )
    assert judged(sick, silenced, always=always) is judged(kept, silenced, always=always)


def at(one: Report) -> int:
    layout = next(layout for layout in SNAPSHOT.layouts if layout.site == one.site)
    return next(index for index, target in enumerate(layout.targets) if target.endpoint == "e1")


@given(reports(), silent(), st.booleans())
def test_names_of_agents_and_sites_do_not_matter(found: tuple[Report, ...], silenced: Silence, always: bool) -> None:
    """us and asia change places, and so do a and b."""
    names = {"eu/a": "eu/b", "eu/b": "eu/a", "us/a": "asia/a", "asia/a": "us/a"}
    swapped = tuple(
        replace(report(names[one.agent], e1=State.from_octet(one.states[at(one)])), sick=one.sick)
        for one in found
        if one.agent in names
    )
    originals = tuple(one for one in found if one.agent in names)
    turned = {AgentId(names[agent]): passed_ms for agent, passed_ms in silenced.items() if agent in names}
    assert judged(originals, silenced, always=always) is judged(swapped, turned, always=always)


TABLE = {
    # (own site, what its agents say): what it is when the others (see it, do not agree, have lost it)
    ("heard", Verdict.UP, "silent"): "up up up",
    ("heard", Verdict.UP, "always"): "up up down",
    ("heard", Verdict.DOWN, "silent"): "down down down",
    ("heard", Verdict.DOWN, "always"): "down down down",
    ("silent", Verdict.UP, "silent"): "up up down",
    ("silent", Verdict.UP, "always"): "up up down",
    ("silent", Verdict.DOWN, "silent"): "down down down",
    ("silent", Verdict.DOWN, "always"): "down down down",
    ("heard", Verdict.UNKNOWN, "silent"): "unknown unknown unknown",
    ("heard", Verdict.UNKNOWN, "always"): "unknown unknown down",
}
"""As in docs/concepts.md."""
OTHERS = ((UP, UP), (TIMEOUT, UP), (TIMEOUT, REFUSED))


@pytest.mark.parametrize("row", list(TABLE), ids=str)
def test_the_table_in_the_documents(row: tuple[str, Verdict, str]) -> None:
    heard, own, when = row
    state = {Verdict.UP: UP, Verdict.DOWN: REFUSED, Verdict.UNKNOWN: UNKNOWN}[own]
    silenced = {AgentId("eu/a"): 0} if heard == "silent" else NO_SILENCE
    found = [
        judged(
            (report("eu/a", e1=state), report("us/a", e1=us), report("asia/a", e1=asia)),
            silenced,
            always=when == "always",
        )
        for us, asia in OTHERS
    ]
    assert " ".join(verdict.name.lower() for verdict in found) == TABLE[row]


def test_the_quorum_counts_sites() -> None:
    for sites, quorum in product(range(6), range(2, 5)):
        views = [(f"s{number}", TIMEOUT) for number in range(sites) for _ in range(2)]
        assert (loss(views, quorum) is not None) is (sites >= quorum)
        assert loss([*views, ("one more", RECOVERING)], quorum) is None
    assert loss([("a", TIMEOUT)], 1) is None  # whoever sent such a snapshot


def test_a_watch_says_what_is_probed() -> None:
    assert isinstance(WATCH, Watch)
    assert all(WATCH.target in layout.targets for layout in SNAPSHOT.layouts if layout.site != "eu")


NAMES = tuple(f"s{number}" for number in range(12))


@settings(max_examples=50)
@given(st.permutations(NAMES), st.integers(2, 5), st.sampled_from(NAMES))
def test_a_site_that_leaves_moves_only_what_it_watched(names: list[str], most: int, gone: str) -> None:
    rest = [name for name in names if name != gone]
    for number in range(20):
        before, after = set(watchers(f"e{number}", names, most)), set(watchers(f"e{number}", rest, most))
        assert len(before) == len(after) == most
        assert before == after if gone not in before else before - after == {gone}


def test_every_site_gets_its_part() -> None:
    counts = dict.fromkeys(NAMES, 0)
    for number in range(4000):
        for name in watchers(f"pool/e{number}", NAMES, 3):
            counts[name] += 1
    assert all(0.9 < count / 1000 < 1.1 for count in counts.values())
