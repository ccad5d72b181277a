"""The calls by which operators direct: overrides, failback, forgetting agents; each within what its caller may do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from gslb.api.v1 import admin_pb2 as pb
from gslb.codec.facts import dump_forgotten, dump_latch, dump_order, load_action, load_scope
from gslb.coordinator.admin.decider import Concluded, Decider
from gslb.coordinator.admin.failback import Failback
from gslb.coordinator.admin.forgetting import Forgetting
from gslb.coordinator.admin.overrides import Overrides
from gslb.coordinator.admin.scopes import check_scope, consequences
from gslb.coordinator.callers import Caller, Denial
from gslb.coordinator.door import Door
from gslb.coordinator.refusals import invalid, not_configured
from gslb.coordinator.relay.hub import Hub
from gslb.core.directives import Override, Scope, ScopeKind
from gslb.core.facts import AgentId
from gslb.core.identity.access import Denied
from gslb.core.identity.reach import refuse_agent, refuse_scope

MAX_TEXT_CHARACTERS = 500
MAX_SCOPES = 1_000
MAX_DURATION_S = 366 * 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectingCalls:
    """`door`: what a caller is bound to. `wall_clock`: Unix seconds."""

    hub: Hub
    decider: Decider
    door: Door
    overrides: Overrides
    failback: Failback
    forgetting: Forgetting
    wall_clock: Callable[[], int]

    async def set_override(self, request: pb.SetOverrideRequest, caller: Caller) -> pb.SetOverrideResponse:
        concluded = await self.decider.concluded()
        override = self._load_override(request, caller)
        check_scope(override.scope, concluded.publication.snapshot.model)
        self._check_reach(caller, override.scope, concluded)
        await self.overrides.set(override, caller.note(override.action, _what(override.scope, override.why)))
        after = await self.decider.conclude()
        model = after.snapshot.model if after else concluded.snapshot.model
        warnings = await asyncio.to_thread(consequences, model, concluded.decision, (after or concluded).decision)
        return pb.SetOverrideResponse(order=dump_order(self.hub.order), warnings=warnings)

    async def clear_override(self, request: pb.ClearOverrideRequest, caller: Caller) -> pb.ClearOverrideResponse:
        scope = load_scope(request.scope)
        self._check_reach(caller, scope, await self.decider.conclude())
        await self.overrides.clear(scope, caller.note("clear", _what(scope, request.why)))
        return pb.ClearOverrideResponse(order=dump_order(self.hub.order))

    async def take_back(self, request: pb.FailbackRequest, caller: Caller) -> pb.FailbackResponse:
        concluded, scopes = await self.decider.concluded(), _load_scopes(request)
        for scope in scopes:
            check_scope(scope, concluded.publication.snapshot.model)
            self._check_reach(caller, scope, concluded)
        what = ", ".join(f"{scope.kind} {scope.name}" for scope in scopes) + (f": {request.why}" if request.why else "")
        released = await self.failback.release(scopes, concluded, caller.note("failback", what))
        return pb.FailbackResponse(order=dump_order(self.hub.order), released=map(dump_latch, released))

    async def forget(self, request: pb.ForgetAgentRequest, caller: Caller) -> pb.ForgetAgentResponse:
        agent = AgentId(request.agent)
        if caller.identity is not None:
            _deny(refuse_agent(self.door.access().grant_of(caller.identity.name), agent))
        note = caller.note("forget", f"agent {agent}" + (f": {request.why}" if request.why else ""))
        forgotten = await self.forgetting.forget(agent, note)
        return pb.ForgetAgentResponse(order=dump_order(self.hub.order), forgotten=dump_forgotten(forgotten))

    def _check_reach(self, caller: Caller, scope: Scope, concluded: Concluded | None) -> None:
        """Raises Denial when the override would touch more than the caller is bound to."""
        if caller.identity is None:
            return
        grant = self.door.access().grant_of(caller.identity.name)
        if grant.is_bound and concluded is None:
            raise not_configured()
        if concluded is not None:
            _deny(refuse_scope(grant, scope, concluded.publication.snapshot.model))

    def _load_override(self, request: pb.SetOverrideRequest, caller: Caller) -> Override:
        if request.duration_s > MAX_DURATION_S:
            raise invalid(f"{request.duration_s} s are too long: at most a year, or none to last until it is cleared")
        now = self.wall_clock()
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
