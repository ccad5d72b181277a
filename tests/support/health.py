"""Hypothesis strategies for what happens to a snapshot: reports, silent agents, overrides."""

from __future__ import annotations

from hypothesis import strategies as st

from gslb.core.directives import Action, Directives, ForgottenAgent, Latch, LatchKey, Override, Scope, ScopeKind
from gslb.core.facts import AgentId, Cause, Facts, Report, State, Verdict
from gslb.core.model import Family, Model
from gslb.core.silence import NO_SILENCE, Silence
from gslb.core.snapshot import Snapshot
from gslb.core.steering.failback import FULL

UP, RECOVERING = State(Verdict.UP, Cause.OK), State(Verdict.RECOVERING, Cause.OK)
REFUSED, TIMEOUT = State(Verdict.DOWN, Cause.REFUSED), State(Verdict.DOWN, Cause.TIMEOUT)
UNKNOWN = State(Verdict.UNKNOWN, Cause.NONE)
LIMIT_MS = 60_000
DAYS = (
    (UP,),
    (REFUSED,),
    (TIMEOUT,),
    (UP, UP, REFUSED),
    (UP, TIMEOUT, UNKNOWN),
    (REFUSED, REFUSED, RECOVERING),
    (UP, UNKNOWN, REFUSED, TIMEOUT, RECOVERING),
)
"""What an agent may see on a day, good, bad or mixed."""


@st.composite
def facts(draw: st.DrawFn, snapshot: Snapshot) -> Facts:
    """Up to two agents a site, each with a day of its own; some follow a layout that is not known."""
    found = []
    for layout in snapshot.layouts:
        for name in draw(st.sampled_from(["", "a", "a", "ab"])):
            day = st.sampled_from(draw(st.sampled_from(DAYS)))
            states = draw(st.lists(day, min_size=len(layout.targets), max_size=len(layout.targets)))
            report = Report(
                agent=AgentId(f"{layout.site}/{name}"),
                boot=1,
                sequence=draw(st.integers(1, 9)),
                layout=draw(st.sampled_from([layout.digest] * 9 + [bytes(8)])),
                states=bytes(state.octet for state in states),
                sick=draw(st.sampled_from([False, False, True])),
            )
            found.append(report)
    return Facts({report.agent: report for report in found})


def silent(known: Facts) -> st.SearchStrategy[Silence]:
    """Some for longer than the monitors of `worlds` let verdicts stand."""
    lasted = st.sampled_from([0, LIMIT_MS])
    return st.dictionaries(st.sampled_from(sorted(known.reports)), lasted) if known.reports else st.just(NO_SILENCE)


def directives(model: Model) -> st.SearchStrategy[Directives]:
    scopes = [Scope(ScopeKind.SITE, site.name) for site in model.sites]
    scopes += [Scope(ScopeKind.POOL, pool.name) for pool in model.pools]
    scopes += [Scope(ScopeKind.MEMBER, f"{pool.name}/{member.name}") for pool in model.pools for member in pool.members]
    override = st.builds(
        Override,
        scope=st.sampled_from(scopes),
        action=st.sampled_from(list(Action)),
        who=st.just("ann"),
        why=st.just("test"),
        since_unix_s=st.just(1),
        until_unix_s=st.none(),
    )
    found = st.lists(override, max_size=3, unique_by=lambda one: one.scope)
    gone = st.builds(
        ForgottenAgent,
        agent=st.just(AgentId("eu/gone")),
        boot=st.integers(0, 2**40),
        since_unix_s=st.integers(0, 2**40),
    )
    return st.builds(
        lambda drawn, noted, forgotten: Directives(
            overrides=tuple(sorted(drawn, key=lambda one: one.scope)), latches=noted, forgotten=forgotten
        ),
        found,
        latches(model),
        st.lists(gone, max_size=1).map(tuple),
    )


def latches(model: Model) -> st.SearchStrategy[tuple[Latch, ...]]:
    """Some members noted down, one way of seeing them or all, some far on their ramps."""
    keys = [
        LatchKey(pool.name, monitor.name, family, member.name)
        for pool in model.pools
        for monitor in model.monitors
        for family in Family
        for member in pool.members
    ]
    latch = st.builds(
        Latch,
        key=st.sampled_from(keys),
        revision=st.integers(1, 3),
        down_unix_s=st.just(1),
        up_unix_s=st.sampled_from([None, 2]),
        step=st.sampled_from([0, 0, 5, FULL - 2]),
    )
    found = st.lists(latch, max_size=30, unique_by=lambda one: one.key)
    return found.map(lambda drawn: tuple(sorted(drawn, key=lambda one: one.key)))
