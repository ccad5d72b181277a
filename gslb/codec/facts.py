"""Orders, reports and directives as protobuf. Decoding checks what a stranger could get wrong: InvalidSnapshot."""

from __future__ import annotations

from gslb.api.v1 import facts_pb2 as pb
from gslb.core.directives import Action, Directives, ForgottenAgent, Latch, LatchKey, Override, Scope, ScopeKind
from gslb.core.errors import InvalidSnapshot
from gslb.core.facts import AgentId, Report
from gslb.core.model import Family
from gslb.core.order import Order

MAX_STATES = 200_000
LAYOUT_BYTES = 8

_ACTIONS = {
    Action.DRAIN: pb.OVERRIDE_ACTION_DRAIN,
    Action.FORCE_DOWN: pb.OVERRIDE_ACTION_FORCE_DOWN,
    Action.FORCE_UP: pb.OVERRIDE_ACTION_FORCE_UP,
}
_ACTIONS_BACK: dict[pb.OverrideAction.ValueType, Action] = {number: action for action, number in _ACTIONS.items()}
_SCOPES = {
    ScopeKind.SITE: pb.SCOPE_KIND_SITE,
    ScopeKind.POOL: pb.SCOPE_KIND_POOL,
    ScopeKind.MEMBER: pb.SCOPE_KIND_MEMBER,
}
_SCOPES_BACK = {number: kind for kind, number in _SCOPES.items()}


def dump_order(order: Order) -> pb.Order:
    return pb.Order(incarnation=order.incarnation, config=order.config, directive=order.directive)


def load_order(message: pb.Order) -> Order:
    return Order(message.incarnation, message.config, message.directive)


def dump_report(report: Report) -> pb.Report:
    return pb.Report(
        agent=report.agent,
        boot=report.boot,
        sequence=report.sequence,
        layout=report.layout,
        states=report.states,
        sick=report.sick,
        lag_ms=report.lag_ms,
    )


def load_report(message: pb.Report) -> Report:
    site, slash, name = message.agent.partition("/")
    if not (site and slash and name):
        raise InvalidSnapshot(f"report of agent '{message.agent[:80]}': the name must be SITE/NAME")
    if len(message.layout) != LAYOUT_BYTES:
        raise InvalidSnapshot(f"report of agent '{message.agent[:80]}': layout has {len(message.layout)} octets, not 8")
    if len(message.states) > MAX_STATES:
        raise InvalidSnapshot(f"report of agent '{message.agent[:80]}': {len(message.states)} states are too many")
    return Report(
        agent=AgentId(message.agent),
        boot=message.boot,
        sequence=message.sequence,
        layout=message.layout,
        states=message.states,
        sick=message.sick,
        lag_ms=message.lag_ms,
    )


def dump_scope(scope: Scope) -> pb.Scope:
    return pb.Scope(kind=_SCOPES[scope.kind], name=scope.name)


def load_scope(message: pb.Scope) -> Scope:
    kind = _SCOPES_BACK.get(message.kind)
    if kind is None or not message.name:
        raise InvalidSnapshot("a scope must be a site, a pool or POOL/MEMBER, with its name")
    return Scope(kind, message.name)


def load_action(number: pb.OverrideAction.ValueType) -> Action:
    action = _ACTIONS_BACK.get(number)
    if action is None:
        raise InvalidSnapshot("an override's action must be drain, force down or force up")
    return action


def dump_override(override: Override) -> pb.Override:
    return pb.Override(
        scope=dump_scope(override.scope),
        action=_ACTIONS[override.action],
        who=override.who,
        why=override.why,
        since_unix_s=override.since_unix_s,
        until_unix_s=override.until_unix_s or 0,
    )


def load_override(message: pb.Override) -> Override:
    return Override(
        scope=load_scope(message.scope),
        action=load_action(message.action),
        who=message.who,
        why=message.why,
        since_unix_s=message.since_unix_s,
        until_unix_s=message.until_unix_s or None,
    )


def dump_latch(latch: Latch) -> pb.Latch:
    pool, monitor, family, member = latch.key
    return pb.Latch(
        pool=pool,
        monitor=monitor,
        family=family,
        member=member,
        revision=latch.revision,
        down_unix_s=latch.down_unix_s,
        up_unix_s=latch.up_unix_s or 0,
        step=latch.step,
    )


def load_latch(message: pb.Latch) -> Latch:
    if message.family not in Family._value2member_map_:
        raise InvalidSnapshot(f"a latch of pool '{message.pool[:80]}' is of no address family: '{message.family[:20]}'")
    return Latch(
        key=LatchKey(message.pool, message.monitor, Family(message.family), message.member),
        revision=message.revision,
        down_unix_s=message.down_unix_s,
        up_unix_s=message.up_unix_s or None,
        step=message.step,
    )


def dump_forgotten(forgotten: ForgottenAgent) -> pb.ForgottenAgent:
    return pb.ForgottenAgent(agent=forgotten.agent, boot=forgotten.boot, since_unix_s=forgotten.since_unix_s)


def _load_forgotten(message: pb.ForgottenAgent) -> ForgottenAgent:
    return ForgottenAgent(agent=AgentId(message.agent), boot=message.boot, since_unix_s=message.since_unix_s)


def dump_directives(directives: Directives) -> pb.Directives:
    return pb.Directives(
        revision=directives.revision,
        overrides=map(dump_override, directives.overrides),
        latches=map(dump_latch, directives.latches),
        forgotten=map(dump_forgotten, directives.forgotten),
    )


def load_directives(message: pb.Directives) -> Directives:
    return Directives(
        revision=message.revision,
        overrides=tuple(map(load_override, message.overrides)),
        latches=tuple(map(load_latch, message.latches)),
        forgotten=tuple(map(_load_forgotten, message.forgotten)),
    )
