"""Words for what `decide` found, the same wherever people read it."""

from __future__ import annotations

from gslb.core.decision import Level, MemberState
from gslb.core.directives import Action, Override
from gslb.core.facts import Verdict
from gslb.core.model import FailbackMode
from gslb.core.steering.failback import FULL, is_back, strength
from gslb.core.steering.outline import Seat
from gslb.core.steering.verdicts import LAPSED

PASSES = {
    Level.HEALTHY: "pools with enough healthy members",
    Level.DEGRADED: "pools with any member up",
    Level.STANDBY: "pools with a standby member up",
    Level.RECOVERING: "pools with a member whose hold-down is not over, or that waits for failback",
    Level.ALL: "pools with any member that no operator took out",
}
_ACTIONS = {Action.DRAIN: "drained", Action.FORCE_DOWN: "forced down", Action.FORCE_UP: "forced up"}


def describe_member(seat: Seat, state: MemberState, mode: FailbackMode) -> str:
    """`us1 down (refused), weight 10, forced up by ann (kernel update)`; `mode`: how its pool's members come back."""
    parts = [f"{state.member} {_verdict(seat, state)}"]
    parts.append("no traffic (weight 0)" if not seat.member.weight else f"weight {seat.member.weight}")
    if seat.member.standby:
        parts.append("standby")
    if state.latch is not None and is_back(state):
        parts.append(describe_latch(state, mode))
    if state.override is not None:
        parts.append(describe_override(state.override))
    return ", ".join(parts)


def describe_override(override: Override) -> str:
    """`pool web-eu drained by ann (kernel update)`"""
    where = f"{override.scope.kind} {override.scope.name}"
    return f"{where} {_ACTIONS[override.action]} by {override.who}" + (f" ({override.why})" if override.why else "")


def describe_latch(state: MemberState, mode: FailbackMode) -> str:
    """Of a member that is back: what its latch makes of it."""
    if mode is FailbackMode.MANUAL:
        return "waits for failback (gslb failback)"
    return f"ramps up ({strength(state.verdict, mode, state.latch)}/{FULL} of its weight)"


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
