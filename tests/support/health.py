"""Hypothesis strategies for what happens to a snapshot: reports, silent agents, overrides."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from gslb.core.directives import Action, Directives, Override, Scope, ScopeKind
from gslb.core.facts import AgentId, Cause, Facts, Report, State, Verdict
from gslb.core.model import Layout, Model
from gslb.core.snapshot import Snapshot

AGENTS = ("a", "b")

STATES = st.sampled_from(
    [
        State(Verdict.UP, Cause.OK),
        State(Verdict.UP, Cause.OK),
        State(Verdict.DOWN, Cause.REFUSED),
        State(Verdict.DOWN, Cause.TIMEOUT),
        State(Verdict.RECOVERING, Cause.OK),
        State(Verdict.UNKNOWN, Cause.NONE),
    ]
)


@st.composite
def reports(draw: st.DrawFn, layouts: Sequence[Layout]) -> Report:
    """A report that follows one of the layouts, or now and then none of them."""
    layout = draw(st.sampled_from(layouts))
    states = bytes(draw(STATES).octet for _ in layout.targets)
    return Report(
        agent=AgentId(f"{layout.site}/{draw(st.sampled_from(AGENTS))}"),
        boot=1,
        sequence=draw(st.integers(1, 9)),
        layout=draw(st.sampled_from([layout.digest] * 9 + [bytes(8)])),
        states=states,
        sick=draw(st.booleans()),
    )


def facts(snapshot: Snapshot) -> st.SearchStrategy[Facts]:
    found = st.lists(reports(snapshot.layouts), max_size=6, unique_by=lambda report: report.agent)
    return found.map(lambda drawn: Facts({report.agent: report for report in drawn}))


def silent(known: Facts) -> st.SearchStrategy[frozenset[AgentId]]:
    return st.frozensets(st.sampled_from(sorted(known.reports))) if known.reports else st.just(frozenset())


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
    return found.map(lambda drawn: Directives(overrides=tuple(sorted(drawn, key=lambda one: one.scope))))
