"""The Admin service: each call checked, handed to the part that does it, and its result put into words."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import grpc

from gslb.api.v1 import admin_pb2 as pb
from gslb.codec.facts import dump_forgotten, dump_latch, dump_order, load_action, load_scope
from gslb.coordinator.admin.alarms import raise_alarms
from gslb.coordinator.admin.apply import ApplyCall, Stream
from gslb.coordinator.admin.backup import BackupCall, BackupStream
from gslb.coordinator.admin.decider import Concluded, Decider
from gslb.coordinator.admin.explaining import load_question, make_explanation
from gslb.coordinator.admin.failback import Failback
from gslb.coordinator.admin.forgetting import Forgetting
from gslb.coordinator.admin.history import NO_CONFIGURATION, HistoryCalls, dump_record
from gslb.coordinator.admin.overrides import Overrides
from gslb.coordinator.admin.rollout import RolloutCalls
from gslb.coordinator.admin.scopes import check_scope, consequences
from gslb.coordinator.admin.status import add_details, make_head
from gslb.coordinator.audit.journal import MAX_SHOWN, Numbered
from gslb.coordinator.audit.remarks import Remarks
from gslb.coordinator.backup.taking import Backups
from gslb.coordinator.callers import Caller, Denial
from gslb.coordinator.configuration.keeper import Configuration
from gslb.coordinator.door import Door
from gslb.coordinator.metrics import Metrics
from gslb.coordinator.peers.roster import Roster
from gslb.coordinator.refusals import RpcRefused, invalid
from gslb.coordinator.relay.hub import Hub
from gslb.coordinator.wrapping import Context
from gslb.core.directives import Override, Scope, ScopeKind
from gslb.core.facts import AgentId
from gslb.core.identity.access import Denied
from gslb.core.identity.reach import refuse_agent, refuse_scope

MAX_TEXT_CHARACTERS = 500
AUDIT_SHOWN = 100
MAX_AUDIT_BYTES = 1_500_000
MAX_SCOPES = 1_000
MAX_DURATION_S = 366 * 24 * 3600


class AdminService:
    """`troubles`: what is wrong with the store. `clock` is monotonic, `wall_clock` gives Unix seconds.

    `door`: who calls, and what he is bound to. `audit`: its newest entries; `remarks` takes what changed nothing.
    """

    def __init__(
        self,
        name: str,
        hub: Hub,
        roster: Roster,
        decider: Decider,
        configuration: Configuration,
        overrides: Overrides,
        failback: Failback,
        forgetting: Forgetting,
        rollout: RolloutCalls,
        backups: Backups,
        metrics: Metrics,
        *,
        door: Door,
        audit: Callable[[int], Awaitable[list[Numbered]]],
        remarks: Remarks,
        troubles: Callable[[], Sequence[str]],
        clock: Callable[[], float],
        wall_clock: Callable[[], int],
    ) -> None:
        self._name = name
        self._hub = hub
        self._roster = roster
        self._decider = decider
        self._history = HistoryCalls(configuration)
        self._overrides = overrides
        self._failback = failback
        self._forgetting = forgetting
        self._rollout = rollout
        self._door = door
        self._audit = audit
        self._remarks = remarks
        self._apply = ApplyCall(configuration, metrics, remarks.refused)
        self._backup = BackupCall(backups)
        self._troubles = troubles
        self._clock = clock
        self._wall_clock = wall_clock

    async def Apply(self, _: object, stream: Stream) -> None:  # noqa: N802 - the names in the .proto file
        await self._apply(stream, self._door.caller(stream))

    async def GetConfig(self, request: pb.GetConfigRequest, _: object) -> pb.GetConfigResponse:  # noqa: N802
        return dump_record(await self._history.kept(request.revision))

    async def ListConfigs(self, request: pb.ListConfigsRequest, _: object) -> pb.ListConfigsResponse:  # noqa: N802
        return await self._history.list(request)

    async def DiffConfigs(self, request: pb.DiffConfigsRequest, _: object) -> pb.DiffConfigsResponse:  # noqa: N802
        return await self._history.diff(request)

    async def Rollback(self, request: pb.RollbackRequest, context: Context) -> pb.RollbackResponse:  # noqa: N802
        if not request.revision:
            raise invalid("a rollback names the revision to go back to: `gslb history` lists them")
        return await self._apply.rollback(
            await self._history.kept(request.revision), request, self._door.caller(context)
        )

    async def GetRollout(self, _: pb.GetRolloutRequest, __: object) -> pb.GetRolloutResponse:  # noqa: N802
        return pb.GetRolloutResponse(rollout=self._rollout.dump())

    async def EndRollout(self, request: pb.EndRolloutRequest, context: Context) -> pb.EndRolloutResponse:  # noqa: N802
        return await self._rollout.end(request, self._door.caller(context))

    async def Backup(self, _: pb.BackupRequest, stream: BackupStream) -> None:  # noqa: N802
        await self._backup(stream)
        self._remarks.done(self._door.caller(stream).note("backup"))

    async def GetStatus(self, _: pb.GetStatusRequest, __: object) -> pb.GetStatusResponse:  # noqa: N802
        concluded = await self._decider.conclude()
        alarms = raise_alarms(self._hub, concluded, self._troubles(), self._clock())
        status = make_head(self._name, self._hub, self._roster, concluded, alarms, self._clock())
        status.rollout.CopyFrom(self._rollout.dump())
        if concluded is not None:
            demand = self._hub.demands.now
            await asyncio.to_thread(add_details, status, concluded, self._hub.agents, demand, self._clock())
        return status

    async def Explain(self, request: pb.ExplainRequest, _: object) -> pb.ExplainResponse:  # noqa: N802
        concluded = await self._concluded()
        question = load_question(request, concluded.publication.snapshot.model.ecs)
        return await asyncio.to_thread(make_explanation, question, concluded)

    async def SetOverride(self, request: pb.SetOverrideRequest, context: Context) -> pb.SetOverrideResponse:  # noqa: N802
        concluded, caller = await self._concluded(), self._door.caller(context)
        override = self._load_override(request, caller)
        check_scope(override.scope, concluded.publication.snapshot.model)
        self._check_reach(caller, override.scope, concluded)
        await self._overrides.set(override, caller.note(override.action, _what(override.scope, override.why)))
        after = await self._decider.conclude()
        model = after.snapshot.model if after else concluded.snapshot.model
        warnings = await asyncio.to_thread(consequences, model, concluded.decision, (after or concluded).decision)
        return pb.SetOverrideResponse(order=dump_order(self._hub.order), warnings=warnings)

    async def ClearOverride(self, request: pb.ClearOverrideRequest, context: Context) -> pb.ClearOverrideResponse:  # noqa: N802
        scope, caller = load_scope(request.scope), self._door.caller(context)
        self._check_reach(caller, scope, await self._decider.conclude())
        await self._overrides.clear(scope, caller.note("clear", _what(scope, request.why)))
        return pb.ClearOverrideResponse(order=dump_order(self._hub.order))

    async def Failback(self, request: pb.FailbackRequest, context: Context) -> pb.FailbackResponse:  # noqa: N802
        concluded, caller = await self._concluded(), self._door.caller(context)
        scopes = _load_scopes(request)
        for scope in scopes:
            check_scope(scope, concluded.publication.snapshot.model)
            self._check_reach(caller, scope, concluded)
        what = ", ".join(f"{scope.kind} {scope.name}" for scope in scopes) + (f": {request.why}" if request.why else "")
        released = await self._failback.release(scopes, concluded, caller.note("failback", what))
        return pb.FailbackResponse(order=dump_order(self._hub.order), released=map(dump_latch, released))

    async def ForgetAgent(self, request: pb.ForgetAgentRequest, context: Context) -> pb.ForgetAgentResponse:  # noqa: N802
        caller, agent = self._door.caller(context), AgentId(request.agent)
        if caller.identity is not None:
            _deny(refuse_agent(self._door.access().grant_of(caller.identity.name), agent))
        note = caller.note("forget", f"agent {agent}" + (f": {request.why}" if request.why else ""))
        forgotten = await self._forgetting.forget(agent, note)
        return pb.ForgetAgentResponse(order=dump_order(self._hub.order), forgotten=dump_forgotten(forgotten))

    async def GetAudit(self, request: pb.GetAuditRequest, _: object) -> pb.GetAuditResponse:  # noqa: N802
        response = pb.GetAuditResponse()
        for numbered in await self._audit(min(request.limit or AUDIT_SHOWN, MAX_SHOWN)):
            response.entries.append(_dump_audit(numbered))
            if response.ByteSize() > MAX_AUDIT_BYTES:
                break
        return response

    def _check_reach(self, caller: Caller, scope: Scope, concluded: Concluded | None) -> None:
        """Raises Denial when the override would touch more than the caller is bound to."""
        if caller.identity is None:
            return
        grant = self._door.access().grant_of(caller.identity.name)
        if grant.is_bound and concluded is None:
            raise RpcRefused(grpc.StatusCode.FAILED_PRECONDITION, NO_CONFIGURATION)
        if concluded is not None:
            _deny(refuse_scope(grant, scope, concluded.publication.snapshot.model))

    async def _concluded(self) -> Concluded:
        concluded = await self._decider.conclude()
        if concluded is None:
            raise RpcRefused(grpc.StatusCode.FAILED_PRECONDITION, NO_CONFIGURATION)
        return concluded

    def _load_override(self, request: pb.SetOverrideRequest, caller: Caller) -> Override:
        if request.duration_s > MAX_DURATION_S:
            raise invalid(f"{request.duration_s} s are too long: at most a year, or none to last until it is cleared")
        now = self._wall_clock()
        return Override(
            scope=load_scope(request.scope),
            action=load_action(request.action),
            who=caller.author(request.who)[:MAX_TEXT_CHARACTERS],
            why=request.why[:MAX_TEXT_CHARACTERS],
            since_unix_s=now,
            until_unix_s=now + request.duration_s if request.duration_s else None,
        )


def _deny(denied: Denied | None) -> None:
    if denied is not None:
        raise Denial(denied.reason, denied.text)


def _load_scopes(request: pb.FailbackRequest) -> list[Scope]:
    scopes = [load_scope(scope) for scope in request.scopes]
    if not 0 < len(scopes) <= MAX_SCOPES or any(scope.kind is ScopeKind.SITE for scope in scopes):
        raise invalid(f"a failback names 1 to {MAX_SCOPES} pools or members: `gslb failback POOL` or POOL/MEMBER")
    return scopes


def _what(scope: Scope, why: str) -> str:
    return f"{scope.kind} {scope.name}" + (f": {why}" if why else "")


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
