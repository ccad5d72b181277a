"""What the agents' reports together say about a target.

A site's own agents decide about its members; once they are all silent their last verdicts are kept, for ever or as
long as the monitor says. The agents of other sites, where a monitor asks for their view, can take out what they agree
to have lost (`outside`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from gslb.core.facts import Cause, Facts, Report, State, Verdict
from gslb.core.layouts import Layout, Target
from gslb.core.silence import NO_SILENCE, Silence
from gslb.core.snapshot import Snapshot
from gslb.core.steering.memo import by_identity
from gslb.core.steering.outside import Watch, is_seen, loss

_STATES = tuple(State.from_octet(octet) for octet in range(256))


@dataclass(frozen=True, slots=True)
class Judgement:
    """`evidence`: the report's state that decided; None where no agent has said anything."""

    verdict: Verdict
    evidence: State | None


UNSEEN = Judgement(Verdict.UNKNOWN, None)
LAPSED = Judgement(Verdict.DOWN, State(Verdict.DOWN, Cause.NONE))
"""Nobody can say any more."""
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

    def __init__(self, snapshot: Snapshot, facts: Facts, silent: Silence) -> None:
        positions = _positions(snapshot)
        self._watching = _watching(snapshot)
        self._silenced = _silenced(facts, silent)
        self._by_site: dict[str, list[Voice]] = {}
        for agent, report in sorted(facts.reports.items()):
            found = _read(positions, report)
            if found is not None:
                self._by_site.setdefault(report.site, []).append(Voice(report, found, agent not in silent))

    def judge(self, site: str, inside: Target, outside: Watch | None, down_after_ms: int | None = None) -> Judgement:
        """The verdict about a member at `site`, that its own agents know as `inside`, others as `outside`."""
        own, silence_ms = self._own(site, inside), self._silenced.get(site)
        others_count = silence_ms is not None or (outside is not None and outside.always)
        if own.verdict is Verdict.DOWN or not others_count:
            return own
        views = list(self._views(site, outside.target)) if outside is not None else []
        lost = loss(views, outside.quorum) if outside is not None else None
        if lost is not None:
            return Judgement(Verdict.DOWN, lost)
        has_lapsed = down_after_ms is not None and silence_ms is not None and silence_ms >= down_after_ms
        return LAPSED if has_lapsed and not is_seen(views) else own

    def _own(self, site: str, inside: Target) -> Judgement:
        """What the site's agents that are heard say, else what they said last."""
        said = [
            (voice.heard, state) for voice in self._by_site.get(site, ()) if (state := voice.state(inside)) is not None
        ]
        return combine([state for heard, state in said if heard] or [state for _, state in said])

    def _views(self, home: str, target: Target) -> Iterator[tuple[str, State]]:
        """What agents of other sites that are heard say, with their sites."""
        for site in self._watching.get(target, ()):
            for voice in self._by_site.get(site, ()) if site != home else ():
                if voice.heard and (state := voice.state(target)) is not None:
                    yield site, state


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
    silent_before: Silence = NO_SILENCE,
    silent_after: Silence = NO_SILENCE,
) -> frozenset[str]:
    """Endpoints whose verdict may differ between two views of the facts: `dirty` for `decide`."""
    positions = _positions(snapshot)
    found: set[str] = set()
    for agent in before.reports.keys() | after.reports.keys():
        old, new = before.reports.get(agent), after.reports.get(agent)
        turned = silent_before.get(agent) != silent_after.get(agent)
        if old is not new or turned:
            found.update(target.endpoint for target in _differing(positions, old, new, turned))
    return frozenset(found)


def _silenced(facts: Facts, silent: Silence) -> Mapping[str, int]:
    """Sites all of whose agents are silent, with the limit that the shortest of their silences has passed."""
    found: dict[str, int] = {}
    for agent, report in facts.reports.items():
        found[report.site] = min(found.get(report.site, sys.maxsize), silent.get(agent, -1))
    return {site: limit for site, limit in found.items() if limit >= 0}


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


@by_identity
def _watching(snapshot: Snapshot) -> Mapping[Target, frozenset[str]]:
    """The sites that look at a target from outside, by any layout that reports may still follow."""
    found: dict[Target, set[str]] = {}
    for layout in snapshot.layouts:
        for target in layout.targets:
            if target.home:
                found.setdefault(target, set()).add(layout.site)
    return {target: frozenset(sites) for target, sites in found.items()}


def _index(layout: Layout) -> Positions:
    return Positions(layout.targets, {target: at for at, target in enumerate(layout.targets)})
