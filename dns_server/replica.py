"""What this dns server knows, and what it concludes: the one owner of snapshot, directives, facts and decision.

Whatever arrives, from whichever coordinator, ends here: older than what serves is refused and counted, newer leads to a
new decision, and that to a new view in the same turn of the event loop. Slow work is done elsewhere (`trial`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from dns_server.files import Kind
from dns_server.received import Directions, Received, dump_facts
from dns_server.saver import Dump
from dns_server.trial import NO_PREMISES, Passed, Premises
from gslb.api.v1.facts_pb2 import Envelope
from gslb.core.answering.view import Index, View
from gslb.core.decision import Decision
from gslb.core.directives import Override, Scope
from gslb.core.facts import AgentId, Facts, Report, merge, merge_all
from gslb.core.forgetting import NOBODY, forgotten_by, is_forgotten, without
from gslb.core.order import Order
from gslb.core.scopes import names_of
from gslb.core.silence import Silences, limits_ms
from gslb.core.snapshot import Snapshot
from gslb.core.steering.decide import changed_endpoints, changed_latches, decide
from gslb.runtime.clock import monotonic_s

MAX_AGENTS = 10_000

Publish = Callable[[View], None]
Save = Callable[[Kind, Dump], None]


@dataclass(slots=True)
class Progress:
    """Counters. `refused`: snapshots and directives by reason. `reports`: by what became of them."""

    refused: Counter[str] = field(default_factory=Counter)
    reports: Counter[str] = field(default_factory=Counter)
    decisions: int = 0
    decisions_s: float = 0.0
    longest_decision_s: float = 0.0


class Replica:
    """`publish` gets every new view, `save` the directives and facts that a restart should find.

    The snapshot is saved before it is handed over here.
    """

    def __init__(self, publish: Publish, save: Save) -> None:
        self._publish = publish
        self._save = save
        self._received: Received | None = None
        self._directions: Directions | None = None
        self._coming: Directions | None = None
        """Of a later incarnation than the snapshot; they wait for one of theirs.

        Not saved: whoever has that snapshot tells them again, and until then what belongs together serves.
        """
        self._signed_with: set[str] = set()
        """Ids of the keys by which the present snapshot is saved."""
        self._premises = NO_PREMISES
        self._silences = Silences()
        self._held: dict[AgentId, Report] = {}
        self._forgotten = NOBODY
        self._index: Index | None = None
        self._layouts: frozenset[bytes] = frozenset()
        self._decision: Decision | None = None
        self.progress = Progress()

    @property
    def has_snapshot(self) -> bool:
        return self._index is not None

    @property
    def snapshot(self) -> Snapshot | None:
        """What serves."""
        return self._index.snapshot if self._index else None

    @property
    def chunks_held(self) -> Mapping[bytes, bytes]:
        """Chunks that need not be fetched again."""
        return self._received.chunks if self._received else {}

    @property
    def order(self) -> Order:
        """Of what serves. What is of an earlier incarnation of the store than the rest counts as 0."""
        snapshot = self._received.order if self._received else Order()
        directions = self._directions.order if self._directions else Order()
        incarnation = max(snapshot.incarnation, directions.incarnation)
        return Order(
            incarnation,
            snapshot.config if snapshot.incarnation == incarnation else 0,
            directions.directive if directions.incarnation == incarnation else 0,
        )

    @property
    def break_glass(self) -> tuple[Override, ...]:
        return self._premises.directives.break_glass

    def unknown_scopes(self) -> tuple[Scope, ...]:
        """What break-glass overrides name and the snapshot does not have."""
        if self._index is None:
            return ()
        model = self._index.snapshot.model
        return tuple(one.scope for one in self.break_glass if one.scope.name not in names_of(one.scope.kind, model))

    @property
    def decision_digest(self) -> bytes:
        return self._decision.digest if self._decision else b""

    @property
    def facts(self) -> Facts:
        """All registers, also those that wait for their layout."""
        return merge_all(self._premises.facts, Facts(self._held))

    @property
    def premises(self) -> Premises:
        """For a snapshot on trial, which may bring the layouts that reports wait for."""
        return replace(self._premises, facts=self.facts)

    def premises_by(self, directions: Directions | None) -> Premises:
        """The same once these are taken; None: no others are."""
        if directions is None:
            return self.premises
        return self._following(self.premises, directions)

    def is_older(self, order: Order) -> bool:
        """Whether a snapshot of this order would be a step back."""
        return self._is_past(order) or (order.incarnation, order.config) < (self.order.incarnation, self.order.config)

    def serves(self, order: Order) -> bool:
        """Whether it is this snapshot that serves."""
        known = self._received
        return known is not None and (known.order.incarnation, known.order.config) == (order.incarnation, order.config)

    def take_snapshot(self, passed: Passed) -> bool:
        """Serve it; False if something newer has come meanwhile."""
        if self.is_older(passed.received.order):
            self.progress.refused["older snapshot"] += 1
            return False
        self._received = passed.received
        self._signed_with = {passed.received.envelope.key_id}
        self._layouts = frozenset(layout.digest for layout in passed.index.snapshot.layouts)
        self._release_held(frozenset(site.name for site in passed.index.snapshot.model.sites))
        self._take_coming(passed.received.order)
        self._serve(passed.index, self._decide(passed.index, passed.premises, passed.decision))
        self._save(Kind.FACTS, partial(dump_facts, self.facts))
        return True

    def take_signature(self, envelope: Envelope) -> None:
        """Of the snapshot that serves, by another key: saved too, so that the files outlive the old key."""
        known = self._received
        if known is None or known.envelope.payload != envelope.payload or envelope.key_id in self._signed_with:
            return
        self._signed_with.add(envelope.key_id)
        self._received = replace(known, envelope=envelope)
        self._save(Kind.SNAPSHOT, self._received.dump)

    def take_directions(self, directions: Directions) -> bool:
        """Serve by these directives, those of a later incarnation once a snapshot of theirs serves; False if newer ones
        do already."""
        order, mine = directions.order, self.order
        if self._is_past(order) or (order.incarnation, order.directive) < (mine.incarnation, mine.directive):
            self.progress.refused["older directives"] += 1
            return False
        if self._received is not None and order.incarnation > self._received.order.incarnation:
            if self._coming is not None and order < self._coming.order:
                return False
            self._coming = directions
            return True
        known = self._directions
        self._directions = directions
        if known is None or known.directives != directions.directives:
            self._turn(self._directed(directions))
        if known is None or known.envelope != directions.envelope:
            self._save(Kind.DIRECTIVES, directions.dump)
        return True

    def take_break_glass(self, overrides: tuple[Override, ...]) -> None:
        """What was put in force on this machine; beats all directives."""
        self._turn(replace(self._premises, directives=replace(self._premises.directives, break_glass=overrides)))

    def take_reports(self, reports: Iterable[Report]) -> None:
        """Merge; one decision for all of them. A report of an unknown layout waits, the newest of each agent."""
        facts = self._premises.facts
        for report in reports:
            facts = self._merge(facts, report)
        self._turn(replace(self._premises, facts=facts))

    def take_silent(self, told_s: Mapping[AgentId, float], now_s: float) -> None:
        """Agents that nobody hears any more, and for how long a coordinator says that nobody does."""
        self._silences.follow(self.facts.reports, told_s, now_s)
        limits = limits_ms(self._index.snapshot.model) if self._index is not None else ()
        self._turn(replace(self._premises, silent=self._silences.passed(limits, now_s)))

    def _merge(self, facts: Facts, report: Report) -> Facts:
        if is_forgotten(report, self._forgotten):
            self.progress.reports["forgotten"] += 1
            return facts
        known = self._held.get(report.agent) or facts.reports.get(report.agent)
        if known is not None and not report.newer_than(known):
            self.progress.reports["late"] += 1
            return facts
        if known is None and len(facts.reports) + len(self._held) >= MAX_AGENTS:
            self.progress.reports["too many agents"] += 1
            return facts
        if report.layout in self._layouts:
            self.progress.reports["merged"] += 1
            self._held.pop(report.agent, None)
            return merge(facts, report)
        self.progress.reports["held"] += 1
        self._held[report.agent] = report
        return facts

    def _is_past(self, order: Order) -> bool:
        """Whether it is of an incarnation before that of directives which wait."""
        return self._coming is not None and order.incarnation < self._coming.order.incarnation

    def _directed(self, directions: Directions) -> Premises:
        """The premises by these directives: with what is in force on this machine, without what they forget."""
        self._forgotten = forgotten_by(directions.directives)
        self._held = dict(without(Facts(self._held), self._forgotten).reports)
        return self._following(self._premises, directions)

    def _following(self, premises: Premises, directions: Directions) -> Premises:
        return replace(
            premises,
            directives=replace(directions.directives, break_glass=self.break_glass),
            facts=without(premises.facts, forgotten_by(directions.directives)),
        )

    def _take_coming(self, order: Order) -> None:
        """With a snapshot of this order: by the directives that waited for one of its incarnation."""
        if self._coming is None or self._coming.order.incarnation > order.incarnation:
            return
        coming, self._coming = self._coming, None
        if coming.order.incarnation == order.incarnation:
            self._directions = coming
            self._premises = self._directed(coming)
            self._save(Kind.DIRECTIVES, coming.dump)

    def _release_held(self, sites: frozenset[str]) -> None:
        """With a new snapshot: merge what waited for it, forget agents of sites that are no more."""
        waiting, self._held = self._held, {}
        facts = Facts({agent: held for agent, held in self._premises.facts.reports.items() if held.site in sites})
        for report in waiting.values():
            if report.layout in self._layouts:
                facts = merge(facts, report)
            else:
                self._held[report.agent] = report
        self._premises = replace(self._premises, facts=facts)

    def _turn(self, premises: Premises) -> None:
        """Decide anew by other premises, and serve that if it is different."""
        before, self._premises = self._premises, premises
        if not _says_same(before.facts, premises.facts):
            self._save(Kind.FACTS, partial(dump_facts, self.facts))
        if self._index is not None and self._decision is not None:
            decision = self._decide(self._index, before, self._decision)
            if decision is not self._decision:
                self._serve(self._index, decision)

    def _serve(self, index: Index, decision: Decision) -> None:
        self._index, self._decision = index, decision
        self._publish(index.with_decision(decision))

    def _decide(self, index: Index, before: Premises, previous: Decision) -> Decision:
        """Move on from a decision that was made by the premises `before`."""
        snapshot, now = index.snapshot, self._premises
        started = monotonic_s()
        latched = changed_latches(snapshot, before.directives, now.directives)
        if latched is None:
            decision = decide(snapshot, now.directives, now.facts, now.silent)
        else:
            dirty = latched | changed_endpoints(snapshot, before.facts, now.facts, before.silent, now.silent)
            if not dirty:
                return previous
            decision = decide(snapshot, now.directives, now.facts, now.silent, previous, dirty)
        self._count(monotonic_s() - started)
        return decision

    def _count(self, duration_s: float) -> None:
        self.progress.decisions += 1
        self.progress.decisions_s += duration_s
        self.progress.longest_decision_s = max(self.progress.longest_decision_s, duration_s)


def _says_same(before: Facts, after: Facts) -> bool:
    """Whether only sequences have risen."""
    if before.reports.keys() != after.reports.keys():
        return False
    pairs = ((report, after.reports[agent]) for agent, report in before.reports.items())
    return all(one is other or one.content == other.content for one, other in pairs)
