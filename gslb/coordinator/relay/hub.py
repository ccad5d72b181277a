"""The one owner of what the coordinator knows now, and the one place from which it spreads.

A report is merged and handed to every dns server's outbox within the same turn of the event loop; nothing slow stands
between. Publications and directives come here only after the store has acknowledged them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from gslb.api.v1 import discovery_pb2 as pb
from gslb.api.v1.facts_pb2 import Coordinators, Envelope
from gslb.codec.facts import dump_directives, dump_order
from gslb.codec.sealing import NO_SIGNER, Sealed, Signer
from gslb.coordinator.metrics import Metrics
from gslb.coordinator.relay.agents import Agents
from gslb.coordinator.relay.demand import Demands
from gslb.coordinator.relay.dns_servers import DnsServers
from gslb.coordinator.relay.outbox import Outbox
from gslb.coordinator.relay.peers import Peers
from gslb.coordinator.relay.presence import Presence
from gslb.coordinator.relay.publication import Publication
from gslb.core.directives import NO_DIRECTIVES, Directives
from gslb.core.facts import NO_FACTS, AgentId, Facts, Report, digest, merge
from gslb.core.forgetting import NOBODY, forgotten_by, is_forgotten, without
from gslb.core.order import Order
from gslb.core.snapshot import Snapshot

SOON_S = 0.1
"""Where a beat has just been, the next one is soon enough: hundreds of agents may come back together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A configuration that only the dns server `first` has."""

    publication: Publication
    first: str


class Hub:
    """`clock` is monotonic. `signer`: seals what dns servers are told. `settle_s`: as for Presence."""

    def __init__(
        self,
        *,
        incarnation: int,
        clock: Callable[[], float],
        metrics: Metrics,
        signer: Signer = NO_SIGNER,
        settle_s: float = 0.0,
    ) -> None:
        self._signer = signer
        self._clock = clock
        self._beat_s = -SOON_S
        self._incarnation = incarnation
        self._metrics = metrics
        self._publication: Publication | None = None
        self._before: Publication | None = None
        self._candidate: Candidate | None = None
        self._changed = asyncio.Event()
        self._directives = NO_DIRECTIVES
        self._facts = NO_FACTS
        self._forgotten = NOBODY
        self._outboxes: set[Outbox] = set()
        self._peer_outboxes: set[Outbox] = set()
        self._coordinators = Coordinators()
        self.agents = Agents(clock)
        self.peers = Peers(clock)
        self.presence = Presence(self.agents, self.peers, lambda: self._facts.reports.keys(), clock, settle_s)
        self.dns_servers = DnsServers(clock)
        self.demands = Demands(self.snapshot, metrics, clock)

    @property
    def order(self) -> Order:
        config = self._publication.snapshot.order.config if self._publication else 0
        return Order(self._incarnation, config, self._directives.revision)

    @property
    def newest_order(self) -> Order:
        """The highest that a dns server may have."""
        return self.order if self.newest is None else replace(self.order, config=self.newest.snapshot.order.config)

    @property
    def publication(self) -> Publication | None:
        return self._publication

    @property
    def candidate(self) -> Candidate | None:
        """What one dns server has before all others."""
        return self._candidate

    @property
    def newest(self) -> Publication | None:
        """The candidate, else what is in force."""
        return self._candidate.publication if self._candidate is not None else self._publication

    @property
    def next_change(self) -> asyncio.Event:
        """Set when the publication or the coordinators become others; take it before looking, then wait on it."""
        return self._changed

    @property
    def coordinators(self) -> Coordinators:
        """Where they are; empty as long as it is not known."""
        return self._coordinators

    @property
    def directives(self) -> Directives:
        return self._directives

    @property
    def facts(self) -> Facts:
        return self._facts

    def publish(self, publication: Publication) -> None:
        """Let a configuration take force everywhere; it must be newer than the present one."""
        if self._publication is not None and publication.snapshot.order <= self._publication.snapshot.order:
            raise ValueError(f"{publication.snapshot.order} is not above {self._publication.snapshot.order}")
        self._before, self._publication = self._publication, publication
        self._candidate = None
        self._metrics.on_trial.set(0)
        self.agents.keep_sites(publication.assignments)
        self._keep_registers()
        for outbox in self._outboxes:
            if self._before is None:
                outbox.directives(self._directions())
            outbox.manifest(self._manifest(publication))
        self._metrics.show_order(self.order)
        self._note_change()

    def stage(self, candidate: Candidate | None) -> None:
        """Let one dns server have a newer configuration before it takes force, or (None) tell nobody of it any more.

        Agents go on by the one in force, whose layouts the newer one knows too, so both dns servers follow them.
        """
        self._candidate = candidate
        self._metrics.on_trial.set(candidate is not None)
        if candidate is not None:
            for outbox in self._outboxes:
                if outbox.reader == candidate.first:
                    outbox.manifest(self._manifest(candidate.publication))

    def coordinate(self, addresses: Iterable[str]) -> None:
        """These are all coordinators there are: tell agents and dns servers."""
        coordinators = Coordinators(addresses=addresses)
        if coordinators != self._coordinators:
            self._coordinators = coordinators
            for outbox in self._outboxes:
                outbox.coordinators(coordinators)
            self._note_change()

    def sign_with(self, signer: Signer) -> None:
        """From now on, and anew what is in force: dns servers have it by this key before they lose the other."""
        self._signer = signer
        if self._publication is not None:
            for outbox in self._outboxes:
                outbox.directives(self._directions())
                outbox.manifest(self._manifest(self._publication))

    def direct(self, directives: Directives) -> None:
        """Let directives take force everywhere; their revision must be above the present one, or both empty."""
        if directives.revision <= self._directives.revision and directives != self._directives:
            raise ValueError(f"directives {directives.revision} are not above {self._directives.revision}")
        self._directives = directives
        self._forget()
        for outbox in self._outboxes if self._publication is not None else ():
            outbox.directives(self._directions())
        self._metrics.show_order(self.order)

    def _forget(self) -> None:
        """Drop what directives say is forgotten; an agent that is connected all the same stays known."""
        self._forgotten = forgotten_by(self._directives)
        self._facts = without(self._facts, self._forgotten)
        self.agents.forget(self._forgotten.keys() - self._facts.reports.keys())

    def hello(self, agent: AgentId, version: str) -> bool:
        """Take notice of an agent; False when its site has too many."""
        known = self.agents.hello(agent, version)
        self._keep_registers()
        return known

    def report(self, report: Report) -> bool:
        """Merge a register, and relay it at once if it says something new; False for who is to say hello first.

        That a silent agent is heard again is news too: its register counts from now on.
        """
        was_silent = self.agents.is_silent(report.agent)
        if not self.agents.heard(report.agent):
            return False
        self._metrics.reports.labels(report.site, self._merge(report)).inc()
        if was_silent and self._clock() - self._beat_s >= SOON_S:
            self.beat()
        return True

    def relay(self, reports: Iterable[Report]) -> None:
        """Merge registers that another coordinator tells, as good as from the agents themselves.

        What is news goes on, to other coordinators too: there it is no news the second time, so that loops end.
        """
        for report in reports:
            self._metrics.relayed.labels(self._relay(report)).inc()

    def _relay(self, report: Report) -> str:
        """What became of it."""
        if is_forgotten(report, self._forgotten):
            return "forgotten"
        known_here = self._publication is not None and report.site in self._publication.assignments
        return self._merge(report) if known_here and self.agents.learn(report.agent) else "unknown"

    def _merge(self, report: Report) -> str:
        """What became of it."""
        if is_forgotten(report, self._forgotten):
            return "forgotten"
        known, merged = self._facts.reports.get(report.agent), merge(self._facts, report)
        if merged is self._facts:
            return "late"
        self._facts = merged
        if known is None or known.content != report.content:
            for outbox in self._outboxes | self._peer_outboxes:
                outbox.reports((report,))
            self._metrics.relays.labels(report.site).inc(len(self._outboxes))
        return "merged"

    def beat(self) -> None:
        """Tell everyone how it should look; the same bytes when all is well and when all is failing.

        Other coordinators hear whom this one hears itself, so that what they say of each other does not go in circles.
        """
        self._beat_s = self._clock()
        beat = pb.Beat(
            order=dump_order(self.order),
            facts=digest(self._facts),
            settling=self.presence.is_settling,
            silent=self.presence.tell(),
        )
        for outboxes, heard in (
            (self._outboxes, self.presence.heard()),
            (self._peer_outboxes, self.presence.heard_here()),
        ):
            told = pb.Beat(heard=sorted(heard))
            told.MergeFrom(beat)
            for outbox in outboxes:
                outbox.beat(told)
        self._metrics.silent_agents.set(len(self.presence.silent()))

    def chunk(self, wanted: bytes) -> bytes | None:
        """A chunk of the present bundle, or of the one before, which a dns server may still be fetching."""
        return next((one.bundle.chunks[wanted] for one in self._served() if wanted in one.bundle.chunks), None)

    def snapshot(self, order: Order) -> Snapshot | None:
        """The present one or the one before, which a dns server may still serve; whatever the directives are."""
        return next((one.snapshot for one in self._served() if one.snapshot.order.is_of_snapshot(order)), None)

    def _told(self, name: str, in_force: Publication) -> Publication:
        candidate = self._candidate
        return candidate.publication if candidate is not None and candidate.first == name else in_force

    def _served(self) -> Iterator[Publication]:
        """What dns servers have or may be fetching."""
        for one in (self._candidate.publication if self._candidate else None, self._publication, self._before):
            if one is not None:
                yield one

    @contextmanager
    def subscribed(self, name: str) -> Iterator[Outbox]:
        """The outbox of a dns server: it holds everything to begin with, and gets every change while the context lasts.

        Without a configuration there is nothing to direct: an emptied store must not end drains that dns servers know.
        """
        with self._filled(self._outboxes, name) as outbox:
            if self._publication is not None:
                outbox.directives(self._directions())
                outbox.manifest(self._manifest(self._told(name, self._publication)))
            if self._coordinators.addresses:
                outbox.coordinators(self._coordinators)
            yield outbox

    @contextmanager
    def overheard(self) -> Iterator[Outbox]:
        """An outbox for another coordinator: it gets registers and beats, the rest the store tells it."""
        with self._filled(self._peer_outboxes, "") as outbox:
            yield outbox

    @contextmanager
    def _filled(self, outboxes: set[Outbox], reader: str) -> Iterator[Outbox]:
        outbox = Outbox(reader)
        outbox.reports(self._facts.reports.values())
        outboxes.add(outbox)
        try:
            yield outbox
        finally:
            outboxes.discard(outbox)

    def _note_change(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _manifest(self, publication: Publication) -> Envelope:
        return self._signer.seal(Sealed.MANIFEST, publication.bundle.manifest, publication.snapshot.order)

    def _directions(self) -> Envelope:
        payload = dump_directives(self._directives).SerializeToString(deterministic=True)
        return self._signer.seal(Sealed.DIRECTIVES, payload, self.order)

    def _keep_registers(self) -> None:
        """Registers live as long as their agents are known."""
        known = frozenset(self.agents.all())
        if not known.issuperset(self._facts.reports):
            self._facts = Facts({agent: report for agent, report in self._facts.reports.items() if agent in known})
