"""What the agents' reports together say about a target.

A site's own agents decide about its members. Once they are all silent their last verdicts are kept, unless the agents
of other sites, where a monitor asks for their view, agree that the member is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from gslb.core.facts import AgentId, Cause, Facts, Report, State, Verdict
from gslb.core.model import Layout, Target
from gslb.core.snapshot import Snapshot
from gslb.core.steering.memo import by_identity

SITES_TO_LOSE = 2
"""How many other sites must agree: no single one takes out another site's members."""

_STATES = tuple(State.from_octet(octet) for octet in range(256))


@dataclass(frozen=True, slots=True)
class Judgement:
    """`evidence`: the report's state that decided; None where no agent has said anything."""

    verdict: Verdict
    evidence: State | None


UNSEEN = Judgement(Verdict.UNKNOWN, None)
NOT_PROBED = Judgement(Verdict.UP, None)


@dataclass(frozen=True, slots=True)
class Positions:
    """A layout ready for look-ups."""

    targets: tuple[Target, ...]
    index: Mapping[Target, int]


@dataclass(frozen=True, slots=True)
class Voice:
    """One agent's report that can be read; `heard`: the agent is not silent."""

    report: Report
    positions: Positions
    heard: bool

    def state(self, target: Target) -> State | None:
        """What this agent says of `target`. A time-out that a sick agent saw may be its own: unknown."""
        at = self.positions.index.get(target)
        if at is None:
            return None
        state = _STATES[self.report.states[at]]
        if self.report.sick and state.verdict is Verdict.DOWN and state.cause is Cause.TIMEOUT:
            return State(Verdict.UNKNOWN, Cause.TIMEOUT)
        return state


class Judge:
    """All reports at one moment, asked target by target."""

    def __init__(self, snapshot: Snapshot, facts: Facts, silent: frozenset[AgentId]) -> None:
        positions = _positions(snapshot)
        sites = {report.site for report in facts.reports.values()}
        self._silenced = sites - {report.site for agent, report in facts.reports.items() if agent not in silent}
        self._by_site: dict[str, list[Voice]] = {}
        for agent, report in sorted(facts.reports.items()):
            found = _read(positions, report)
            if found is not None:
                self._by_site.setdefault(report.site, []).append(Voice(report, found, agent not in silent))

    def judge(self, site: str, inside: Target, outside: Target) -> Judgement:
        """The verdict about a member at `site`, that its own agents know as `inside`, others as `outside`."""
        own = self._by_site.get(site, [])
        heard = [state for voice in own if voice.heard and (state := voice.state(inside)) is not None]
        if heard:
            return combine(heard)
        lost = self._loss_seen_from_outside(outside) if site in self._silenced else None
        if lost is not None:
            return Judgement(Verdict.DOWN, lost)
        return combine(state for voice in own if (state := voice.state(inside)) is not None)

    def _loss_seen_from_outside(self, outside: Target) -> State | None:
        """Evidence, where at least two other sites have a verdict and all their agents say DOWN."""
        views = [
            (site, state)
            for site, voices in self._by_site.items()
            for voice in voices
            if voice.heard and (state := voice.state(outside)) is not None and state.verdict is not Verdict.UNKNOWN
        ]
        agreed = all(state.verdict is Verdict.DOWN for _, state in views)
        return views[0][1] if agreed and len({site for site, _ in views}) >= SITES_TO_LOSE else None


def combine(states: Iterable[State]) -> Judgement:
    """Several agents' views in one: a time-out takes a member out only if all who have a verdict agree."""
    known = list(states)
    down = [state for state in known if state.verdict is Verdict.DOWN]
    evident = [state for state in down if state.cause is not Cause.TIMEOUT]
    if evident:
        return Judgement(Verdict.DOWN, evident[0])
    if down and all(state.verdict in (Verdict.DOWN, Verdict.UNKNOWN) for state in known):
        return Judgement(Verdict.DOWN, down[0])
    for verdict in (Verdict.UP, Verdict.RECOVERING):
        if found := next((state for state in known if state.verdict is verdict), None):
            return Judgement(verdict, found)
    return Judgement(Verdict.UNKNOWN, known[0]) if known else UNSEEN


def changed_endpoints(
    snapshot: Snapshot,
    before: Facts,
    after: Facts,
    silent_before: frozenset[AgentId] = frozenset(),
    silent_after: frozenset[AgentId] = frozenset(),
) -> frozenset[str]:
    """Endpoints whose verdict may differ between two views of the facts: `dirty` for `decide`."""
    positions = _positions(snapshot)
    found: set[str] = set()
    for agent in before.reports.keys() | after.reports.keys():
        old, new = before.reports.get(agent), after.reports.get(agent)
        turned = (agent in silent_before) != (agent in silent_after)
        if old is not new or turned:
            found.update(target.endpoint for target in _differing(positions, old, new, turned))
    return frozenset(found)


def _differing(
    positions: Mapping[bytes, tuple[str, Positions]], old: Report | None, new: Report | None, turned: bool
) -> Iterator[Target]:
    """Targets whose states differ; all that the agent's site knows where it is not only the states that changed."""
    one, other = _read(positions, old), _read(positions, new)
    if old is None or new is None or one is None or one is not other or old.sick != new.sick or turned:
        sites = {report.site for report in (old, new) if report is not None}
        for site, known in positions.values():
            yield from known.targets if site in sites else ()
    elif old.states != new.states:
        states = zip(old.states, new.states, one.targets, strict=True)
        yield from (target for was, now, target in states if was != now)


def _read(positions: Mapping[bytes, tuple[str, Positions]], report: Report | None) -> Positions | None:
    """The layout a report follows; None when it is of no known revision, of another site, or does not fit."""
    if report is None or report.layout not in positions:
        return None
    site, known = positions[report.layout]
    return known if site == report.site and len(report.states) == len(known.targets) else None


@by_identity
def _positions(snapshot: Snapshot) -> Mapping[bytes, tuple[str, Positions]]:
    return {layout.digest: (layout.site, _index(layout)) for layout in snapshot.layouts}


def _index(layout: Layout) -> Positions:
    return Positions(layout.targets, {target: at for at, target in enumerate(layout.targets)})
