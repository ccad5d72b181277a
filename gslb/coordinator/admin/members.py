"""Status of pools: every member's verdict, the evidence behind it, and its share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain

from gslb.api.v1 import admin_pb2 as pb
from gslb.codec.facts import dump_latch, dump_override
from gslb.coordinator.admin.decider import Concluded
from gslb.coordinator.relay.agents import Agents
from gslb.coordinator.relay.evidence import Evidence
from gslb.core.decision import Level, MemberState, PoolKey, PoolState
from gslb.core.facts import AgentId, Report
from gslb.core.layouts import Layout, Target
from gslb.core.steering.failback import is_back
from gslb.core.steering.outline import Seat, SeenPool, outline
from gslb.core.steering.pools import best_level
from gslb.core.steering.verdicts import LAPSED


class PoolStatuses:
    """`now_s`: of the monotonic clock that evidence was stamped with."""

    def __init__(self, concluded: Concluded, agents: Agents, now_s: float) -> None:
        self._concluded = concluded
        self._agents = agents
        self._now_s = now_s
        self._endpoints = {endpoint.name: endpoint for endpoint in concluded.snapshot.model.endpoints}
        self._positions = _positions(concluded.snapshot.layouts)
        self._reports = _by_site(concluded)

    def all(self) -> Iterator[pb.PoolStatus]:
        for key, seen in sorted(outline(self._concluded.snapshot).pools.items()):
            yield self._pool(key, seen, self._concluded.decision.pools[key])

    def _pool(self, key: PoolKey, seen: SeenPool, state: PoolState) -> pb.PoolStatus:
        best = best_level(state.vectors)
        shares = dict(state.vectors[best]) if best is not None else {}
        seats = {seat.member.name: seat for seat in seen.seats}
        return pb.PoolStatus(
            name=key.pool,
            site=seen.site,
            monitor=key.monitor,
            family=key.family,
            healthy=Level.HEALTHY in state.vectors,
            failback=seen.failback.mode,
            members=[
                self._member(key, seen, seats[member.member], member, shares.get(member.member, 0))
                for member in state.members
            ],
        )

    def _member(self, key: PoolKey, seen: SeenPool, seat: Seat, state: MemberState, share: int) -> pb.MemberStatus:
        status = pb.MemberStatus(
            name=seat.member.name,
            address=self._endpoints[seat.member.endpoint].outside_address(key.family),
            weight=seat.member.weight,
            standby=seat.member.standby,
            verdict=state.verdict.name.lower(),
            cause=_cause(state),
            serving=state.serving,
            share=share,
        )
        if state.override is not None:
            status.override.CopyFrom(dump_override(state.override))
        if state.latch is not None:
            status.latch.CopyFrom(dump_latch(state.latch))
            status.back = is_back(state)
        evidence = self._evidence(seen.site, seat, state)
        if evidence is not None:
            aged_ms = max(0, int((self._now_s - evidence.received_s) * 1000))  # it may have come since we began
            status.detail, status.latency_us, status.flaps = evidence.detail, evidence.latency_us, evidence.flaps
            status.verdict_age_ms = evidence.verdict_age_ms + aged_ms
            status.probe_age_ms = evidence.probe_age_ms + aged_ms
        return status

    def _evidence(self, site: str, seat: Seat, state: MemberState) -> Evidence | None:
        """From the first agent that says what was concluded: of the member's site, else of one that looks at it."""
        if seat.inside is None or state.cause is None:
            return None
        own = ((report, seat.inside) for report in self._reports.get(site, ()))
        others = ((report, seat.outside.target) for report in self._elsewhere(site)) if seat.outside is not None else ()
        for report, target in chain(own, others):
            at = self._positions.get(report.layout, {}).get(target)
            if at is not None and at < len(report.states) and report.states[at] == state.cause.octet:
                return self._agents.evidence(report.agent, report.layout, at)
        return None

    def _elsewhere(self, home: str) -> Iterator[Report]:
        return (report for site, reports in sorted(self._reports.items()) if site != home for report in reports)


def _cause(state: MemberState) -> str:
    if state.cause is None:
        return ""
    return "silent for too long" if state.cause == LAPSED.evidence else state.cause.cause.name.lower()


def _positions(layouts: tuple[Layout, ...]) -> Mapping[bytes, Mapping[Target, int]]:
    return {layout.digest: {target: at for at, target in enumerate(layout.targets)} for layout in layouts}


def _by_site(concluded: Concluded) -> Mapping[str, list[Report]]:
    """Reports of agents that are heard, then of the others, by name."""

    def rank(agent: AgentId) -> tuple[bool, str]:
        return agent in concluded.silent, agent

    found: dict[str, list[Report]] = {}
    for agent in sorted(concluded.facts.reports, key=rank):
        found.setdefault(concluded.facts.reports[agent].site, []).append(concluded.facts.reports[agent])
    return found
