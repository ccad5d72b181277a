"""The one owner of what the coordinator knows now, and the one place from which it spreads.

A report is merged and handed to every dns server's outbox within the same turn of the event loop; nothing slow stands
between. Publications and directives come here only after the store has acknowledged them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

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
from gslb.coordinator.relay.publication import Publication
from gslb.core.directives import NO_DIRECTIVES, Directives
from gslb.core.facts import NO_FACTS, AgentId, Facts, Report, digest, merge
from gslb.core.order import Order
from gslb.core.silence import Silence, Silences, limits_ms
from gslb.core.snapshot import Snapshot

SOON_S = 0.1
"""Where a beat has just been, the next one is soon enough: hundreds of agents may come back together."""


class Hub:
    """`clock` is monotonic. `signer`: seals what dns servers are told.

    `settle_s`: how long from now on nobody counts as silent, as agents may yet come.
    """

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
        self._settled_s = clock() + settle_s
        self._beat_s = -SOON_S
        self._incarnation = incarnation
        self._metrics = metrics
        self._publication: Publication | None = None
        self._before: Publication | None = None
        self._changed = asyncio.Event()
        self._directives = NO_DIRECTIVES
        self._facts = NO_FACTS
        self._silences = Silences()
        self._outboxes: set[Outbox] = set()
        self._peer_outboxes: set[Outbox] = set()
        self._coordinators = Coordinators()
        self.agents = Agents(clock)
        self.peers = Peers(clock)
        self.dns_servers = DnsServers(clock)
        self.demands = Demands(self.snapshot, metrics, clock)

    @property
    def order(self) -> Order:
        config = self._publication.snapshot.order.config if self._publication else 0
        return Order(self._incarnation, config, self._directives.revision)

    @property
    def publication(self) -> Publication | None:
        return self._publication

    @property
    def next_change(self) -> asyncio.Event:
        """Set when the publication or the coordinators become others; take it before looking, then wait on it."""
        return self._changed

    @property
    def coordinators(self) -> Coordinators:
        """Where they are; empty as long as it is not known."""
        return self._coordinators

    @property
    def is_settling(self) -> bool:
        return self._clock() < self._settled_s

    @property
    def directives(self) -> Directives:
        return self._directives

    @property
    def facts(self) -> Facts:
        return self._facts

    def silent(self) -> frozenset[AgentId]:
        """Agents whose register is known and whom no coordinator has heard for three beats."""
        return frozenset() if self.is_settling else frozenset(self._facts.reports) - self.heard()

    def silence(self) -> Silence:
        """The same with how long they have been, as decisions take it."""
        limits = limits_ms(self._publication.snapshot.model) if self._publication is not None else ()
        if self.is_settling:
            return {}
        self._follow_silence()
        return self._silences.passed(limits, self._clock())

    def silent_s(self) -> Mapping[AgentId, float]:
        """How long each silent agent has been. While nobody counts as silent yet, as before the restart."""
        if not self.is_settling:
            self._follow_silence()
        return self._silences.ages_s(self._clock())

    def remember_silence(self, ages_s: Mapping[AgentId, float]) -> None:
        """Of before a restart; agents that are heard before this coordinator has settled begin anew."""
        self._silences.remember(ages_s, self._clock())

    def heard(self) -> frozenset[AgentId]:
        """Agents that any coordinator hears."""
        return self._heard_here() | self.peers.heard()

    def publish(self, publication: Publication) -> None:
        """Let a configuration take force everywhere; it must be newer than the present one."""
        if self._publication is not None and publication.snapshot.order <= self._publication.snapshot.order:
            raise ValueError(f"{publication.snapshot.order} is not above {self._publication.snapshot.order}")
        self._before, self._publication = self._publication, publication
        self.agents.keep_sites(publication.assignments)
        self._keep_registers()
        for outbox in self._outboxes:
            if self._before is None:
                outbox.directives(self._directions())
            outbox.manifest(self._manifest(publication))
        self._metrics.show_order(self.order)
        self._note_change()

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
        for outbox in self._outboxes if self._publication is not None else ():
            outbox.directives(self._directions())
        self._metrics.show_order(self.order)

    def hello(self, agent: AgentId, version: str) -> bool:
        """Take notice of an agent; False when its site has too many."""
        known = self.agents.hello(agent, version)
        self._keep_registers()
        return known

    def report(self, report: Report) -> None:
        """Merge a register, and relay it at once if it says something new. Only agents that said hello count.

        That a silent agent is heard again is news too: its register counts from now on.
        """
        was_silent = self.agents.is_silent(report.agent)
        if not self.agents.heard(report.agent):
            return
        self._metrics.reports.labels(report.site, self._merge(report)).inc()
        if was_silent and self._clock() - self._beat_s >= SOON_S:
            self.beat()

    def relay(self, reports: Iterable[Report]) -> None:
        """Merge registers that another coordinator tells, as good as from the agents themselves.

        What is news goes on, to other coordinators too: there it is no news the second time, so that loops end.
        """
        for report in reports:
            known_here = self._publication is not None and report.site in self._publication.assignments
            outcome = self._merge(report) if known_here and self.agents.learn(report.agent) else "unknown"
            self._metrics.relayed.labels(outcome).inc()

    def _merge(self, report: Report) -> str:
        """What became of it."""
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
            settling=self.is_settling,
            silent=self._silent_agents(),
        )
        for outboxes, heard in ((self._outboxes, self.heard()), (self._peer_outboxes, self._heard_here())):
            told = pb.Beat(heard=sorted(heard))
            told.MergeFrom(beat)
            for outbox in outboxes:
                outbox.beat(told)
        self._metrics.silent_agents.set(len(self.silent()))

    def chunk(self, wanted: bytes) -> bytes | None:
        """A chunk of the present bundle, or of the one before, which a dns server may still be fetching."""
        for publication in (self._publication, self._before):
            if publication is not None and wanted in publication.bundle.chunks:
                return publication.bundle.chunks[wanted]
        return None

    def snapshot(self, order: Order) -> Snapshot | None:
        """The present one or the one before, which a dns server may still serve; whatever the directives are."""
        for publication in (self._publication, self._before):
            if publication is not None and publication.snapshot.order.is_of_snapshot(order):
                return publication.snapshot
        return None

    @contextmanager
    def subscribed(self) -> Iterator[Outbox]:
        """An outbox that holds everything to begin with, and gets every change while the context lasts.

        Without a configuration there is nothing to direct: an emptied store must not end drains that dns servers know.
        """
        with self._filled(self._outboxes) as outbox:
            if self._publication is not None:
                outbox.directives(self._directions())
                outbox.manifest(self._manifest(self._publication))
            if self._coordinators.addresses:
                outbox.coordinators(self._coordinators)
            yield outbox

    @contextmanager
    def overheard(self) -> Iterator[Outbox]:
        """An outbox for another coordinator: it gets registers and beats, the rest the store tells it."""
        with self._filled(self._peer_outboxes) as outbox:
            yield outbox

    @contextmanager
    def _filled(self, outboxes: set[Outbox]) -> Iterator[Outbox]:
        outbox = Outbox()
        outbox.reports(self._facts.reports.values())
        outboxes.add(outbox)
        try:
            yield outbox
        finally:
            outboxes.discard(outbox)

    def _note_change(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _heard_here(self) -> frozenset[AgentId]:
        return frozenset(agent for agent in self.agents.all() if not self.agents.is_silent(agent))

    def _follow_silence(self) -> None:
        told_s = self.peers.silent_s()
        silent_s = {agent: told_s.get(agent, 0.0) for agent in self.silent()}
        self._silences.follow(self._facts.reports, silent_s, self._clock())

    def _silent_agents(self) -> list[pb.SilentAgent]:
        """As others are told; none while settling."""
        ages_s = {} if self.is_settling else self.silent_s()
        return [pb.SilentAgent(agent=agent, for_ms=int(age_s * 1000)) for agent, age_s in sorted(ages_s.items())]

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
