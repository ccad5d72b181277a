"""Words for what `decide` found, the same wherever people read it."""

from __future__ import annotations

from gslb.core.decision import Level, MemberState
from gslb.core.directives import Action, Override
from gslb.core.facts import Verdict
from gslb.core.steering.outline import Seat
from gslb.core.steering.verdicts import LAPSED

PASSES = {
    Level.HEALTHY: "pools with enough healthy members",
    Level.DEGRADED: "pools with any member up",
    Level.STANDBY: "pools with a standby member up",
    Level.RECOVERING: "pools with a member whose hold-down is not over",
    Level.ALL: "pools with any member that no operator took out",
}
_ACTIONS = {Action.DRAIN: "drained", Action.FORCE_DOWN: "forced down", Action.FORCE_UP: "forced up"}


def describe_member(seat: Seat, state: MemberState) -> str:
    """`us1 down (refused), weight 10, forced up by ann (kernel update)`"""
    parts = [f"{state.member} {_verdict(seat, state)}"]
    parts.append("no traffic (weight 0)" if not seat.member.weight else f"weight {seat.member.weight}")
    if seat.member.standby:
        parts.append("standby")
    if state.override is not None:
        parts.append(describe_override(state.override))
    return ", ".join(parts)


def describe_override(override: Override) -> str:
    """`pool web-eu drained by ann (kernel update)`"""
    where = f"{override.scope.kind} {override.scope.name}"
    return f"{where} {_ACTIONS[override.action]} by {override.who}" + (f" ({override.why})" if override.why else "")


def _verdict(seat: Seat, state: MemberState) -> str:
    if seat.inside is None:
        return "up (no monitor)"
    word = state.verdict.name.lower()
    if state.cause is None:
        return f"{word} (no report yet)"
    if state.verdict is Verdict.UP:
        return word
    if state.cause == LAPSED.evidence:
        return f"{word} (nobody has said anything for too long)"
    return f"{word} ({state.cause.cause.name.lower()})"
