"""The calls that show what is so and change nothing: status, why an answer is what it is, the audit trail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from gslb.api.v1 import admin_pb2 as pb
from gslb.codec.facts import dump_order
from gslb.coordinator.admin.alarms import raise_alarms
from gslb.coordinator.admin.decider import Decider
from gslb.coordinator.admin.explaining import load_question, make_explanation
from gslb.coordinator.admin.rollout import RolloutCalls
from gslb.coordinator.admin.status import add_details, make_head
from gslb.coordinator.audit.journal import MAX_SHOWN, Numbered
from gslb.coordinator.peers.roster import Roster
from gslb.coordinator.relay.hub import Hub

AUDIT_SHOWN = 100
MAX_AUDIT_BYTES = 1_500_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowingCalls:
    """`troubles`: what is wrong with the store. `clock` is monotonic. `newest_audits`: that many of its entries."""

    name: str
    hub: Hub
    roster: Roster
    decider: Decider
    rollout: RolloutCalls
    newest_audits: Callable[[int], Awaitable[list[Numbered]]]
    troubles: Callable[[], Sequence[str]]
    clock: Callable[[], float]

    async def status(self) -> pb.GetStatusResponse:
        concluded = await self.decider.conclude()
        alarms = raise_alarms(self.hub, concluded, self.troubles(), self.clock())
        status = make_head(self.name, self.hub, self.roster, concluded, alarms, self.clock())
        status.rollout.CopyFrom(self.rollout.dump())
        if concluded is not None:
            demand = self.hub.demands.now
            await asyncio.to_thread(add_details, status, concluded, self.hub.agents, demand, self.clock())
        return status

    async def explain(self, request: pb.ExplainRequest) -> pb.ExplainResponse:
        concluded = await self.decider.concluded()
        question = load_question(request, concluded.publication.snapshot.model.ecs)
        return await asyncio.to_thread(make_explanation, question, concluded)

    async def audit(self, request: pb.GetAuditRequest) -> pb.GetAuditResponse:
        response = pb.GetAuditResponse()
        for numbered in await self.newest_audits(min(request.limit or AUDIT_SHOWN, MAX_SHOWN)):
            response.entries.append(_dump_audit(numbered))
            if response.ByteSize() > MAX_AUDIT_BYTES:
                break
        return response


def _dump_audit(numbered: Numbered) -> pb.AuditEntry:
    entry = numbered.entry
    return pb.AuditEntry(
        number=numbered.number,
        unix_s=entry.unix_s,
        who=entry.who,
        peer=entry.peer,
        action=entry.action,
        what=entry.what,
        before=dump_order(entry.before),
        after=dump_order(entry.after),
        outcome=entry.outcome,
    )
