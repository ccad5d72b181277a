"""Why a client gets what it gets: the way of `decide` and of the draw for one class and cohort, step by step in words.

The same functions as in `decide` do the work, so that what is explained is what is answered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import repeat
from typing import assert_never

from gslb.core.decision import (
    Addresses,
    LastResort,
    Level,
    NoData,
    Outcome,
    PoolKey,
    Pools,
    PoolState,
    ServFail,
    Shares,
    shares_of,
)
from gslb.core.directives import Directives
from gslb.core.facts import Facts, Verdict
from gslb.core.model import AllDownKind, Family, Service
from gslb.core.silence import Silence
from gslb.core.snapshot import Snapshot
from gslb.core.steering.chain import Choice, begin, benches, choose, walk
from gslb.core.steering.cohorts import COHORTS, Draw, winners
from gslb.core.steering.failback import FULL, latches_of
from gslb.core.steering.outcomes import Choices, availability, is_down, last_levels, resolve
from gslb.core.steering.outline import Lane, SeenPool, Unit, outline
from gslb.core.steering.pools import assess, best_level, overrides_of
from gslb.core.steering.ramps import mix, ramping, without
from gslb.core.steering.shares import scale
from gslb.core.steering.stages.base import Row
from gslb.core.steering.verdicts import LAPSED, Judge
from gslb.core.steering.wording import PASSES, describe_member


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainStep:
    """`what`: the part at work. `text`: what it did. `row`: shares after it, summing to 65,536; () = none to show."""

    what: str
    text: str
    row: Shares = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """`pool`, `members`: what the cohorts get, first choice first; empty unless the outcome is Pools."""

    steps: tuple[ExplainStep, ...]
    outcome: Outcome
    pool: str = ""
    members: tuple[str, ...] = ()


def explain(
    snapshot: Snapshot,
    directives: Directives,
    facts: Facts,
    silent: Silence,
    *,
    service: Service,
    family: Family,
    cls: int,
    draw: Draw,
) -> Explanation:
    """What clients of class `cls` with these cohorts get. `service` must have `family` (Decision.rows)."""
    case = _case(snapshot, directives, facts, silent, service, family, cls)
    outcome = resolve(case.unit, case.choices, last_levels(case.unit, case.states))[case.unit.lanes.index(case.lane)]
    steps = (*_heading(case, snapshot), *_pools(case), *_passes(case), _ending(case, outcome))
    if not isinstance(outcome, Pools | LastResort):
        return Explanation(steps=steps, outcome=outcome)
    pool = _drawn_pool(case, outcome, draw)
    key = next(key for key in case.states if key.pool == pool and key.family is family)
    members = winners(case.states[key].vectors[outcome.level], draw.member, service.answers)
    drawn = _drawn(case, outcome, draw, key, members)
    return Explanation(steps=(*steps, *drawn), outcome=outcome, pool=pool, members=members)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One class of one service in one family (`lane`); `choices` are those of all its families."""

    judge: Judge
    service: Service
    cls: int
    unit: Unit
    lane: Lane
    seen: Mapping[PoolKey, SeenPool]
    states: Mapping[PoolKey, PoolState]
    choices: Choices


def _case(
    snapshot: Snapshot,
    directives: Directives,
    facts: Facts,
    silent: Silence,
    service: Service,
    family: Family,
    cls: int,
) -> _Case:
    everything = outline(snapshot)
    unit = everything.units[everything.unit_of[service.name]]
    judge, overrides, latches = Judge(snapshot, facts, silent), overrides_of(directives), latches_of(directives)
    states = {key: assess(everything.pools[key], judge, overrides, latches) for key in sorted(unit.depends_on())}
    return _Case(
        judge=judge,
        service=service,
        cls=cls,
        unit=unit,
        lane=next(lane for lane in unit.lanes if lane.family is family),
        seen=everything.pools,
        states=states,
        choices=tuple(_choice(lane, cls, states) for lane in unit.lanes),
    )


def _choice(lane: Lane, cls: int, states: Mapping[PoolKey, PoolState]) -> Choice | None:
    available, ramps = availability(lane, states), ramping(lane, states)
    whole = choose(lane.chain, cls, benches(lane.chain, available))
    return (
        mix(whole, choose(lane.chain, cls, benches(lane.chain, without(available, ramps))), ramps) if ramps else whole
    )


def _heading(case: _Case, snapshot: Snapshot) -> Iterator[ExplainStep]:
    stages = ", ".join(stage.kind for stage in case.lane.chain.stages)
    text = f"{case.service.name} {case.lane.family}: policy {case.service.policy} ({stages})"
    yield ExplainStep(what="service", text=text)
    classes = snapshot.classes[case.service.policy]
    yield ExplainStep(
        what="class", text=f"{classes.labels[case.cls]} (class {case.cls}; there are {len(classes.keys)})"
    )


def _pools(case: _Case) -> Iterator[ExplainStep]:
    """What every pool of the family can serve now."""
    for slot, key in case.lane.pools:
        seen, state = case.seen[key], case.states[key]
        members = "; ".join(map(describe_member, seen.seats, state.members, repeat(seen.failback.mode)))
        serving = sum(member.serving for member in state.members)
        name = key.pool if slot == key.pool else f"{key.pool} (slot {slot})"
        level = best_level(state.vectors)
        yield ExplainStep(
            what="pool",
            text=f"{name}: {serving} of {len(seen.seats)} serving, healthy from {seen.minimum}. {members}",
            row=state.vectors[level] if level is not None and level < Level.ALL else (),
        )
        if lost := ", ".join(_lost_from_outside(case.judge, seen, state)):
            text = f"{key.pool}: agents of other sites have lost {lost}; those of site {seen.site} do not say so"
            yield ExplainStep(what="outside", text=text)


def _lost_from_outside(judge: Judge, seen: SeenPool, state: PoolState) -> Iterator[str]:
    """Members that are down by the word of other sites alone."""
    for seat, member in zip(seen.seats, state.members, strict=True):
        if member.verdict is not Verdict.DOWN or seat.inside is None or member.cause == LAPSED.evidence:
            continue
        if judge.judge(seen.site, seat.inside, None).verdict is not Verdict.DOWN:
            yield member.member


def _passes(case: _Case) -> Iterator[ExplainStep]:
    """Every pass up to the one that leaves something, and what each stage does in that one."""
    chain, keys, reach = case.lane.chain, case.lane.chain.classes[case.cls], case.lane.chain.reaches[case.cls]
    if barred := sorted({slot for slot, _ in case.lane.pools} - reach.slots):
        yield ExplainStep(what="reach", text=f"never for this class: {', '.join(barred)}")
    for level, bench in zip(Level, benches(chain, availability(case.lane, case.states)), strict=True):
        if level is Level.ALL and not (is_down(case.choices) and case.unit.all_down.kind is AllDownKind.SERVE_ALL):
            return
        row = begin(reach.slots, bench.available)
        if not row:
            candidates = f"none of {', '.join(sorted(reach.slots))}" if reach.slots else "the class has no pools"
            yield ExplainStep(what="pass", text=f"{PASSES[level]}: {candidates}")
            continue
        yield ExplainStep(what="pass", text=f"{PASSES[level]}: start with what is available", row=scale(row))
        for stage, step in zip(chain.stages, walk(chain.stages, keys, row, bench), strict=True):
            row = step.row
            yield ExplainStep(what=stage.kind, text=step.reason, row=scale(row))
        yield from _ramp(case, row)
        return


def _ramp(case: _Case, row: Row) -> Iterator[ExplainStep]:
    """What is taken off pools that come back by and by."""
    choice = case.choices[case.unit.lanes.index(case.lane)]
    if choice is not None and choice.row != row:
        parts = ", ".join(f"{slot} {strength}/{FULL}" for slot, strength in ramping(case.lane, case.states))
        yield ExplainStep(what="ramp", text=f"parts of what comes back: {parts}", row=scale(choice.row))


def _ending(case: _Case, outcome: Outcome) -> ExplainStep:
    kind = case.unit.all_down.kind
    what = f"all_down: {kind}" if is_down(case.choices) else "outcome"
    match outcome:
        case Pools(level) | LastResort(level):
            shares = shares_of(outcome, case.service.bindings)
            return ExplainStep(what=what, text=f"shares of pools, at level {level.name.lower()}", row=shares)
        case Addresses(addresses):
            return ExplainStep(what=what, text=f"everyone gets {', '.join(map(str, addresses))}")
        case NoData() if not is_down(case.choices):
            return ExplainStep(what=what, text=f"NODATA: nothing serves {case.lane.family}, another family does")
        case NoData():
            return ExplainStep(what=what, text="NODATA: nothing is left to answer with")
        case ServFail():
            return ExplainStep(what=what, text="SERVFAIL")
        case _:
            assert_never(outcome)


def _drawn_pool(case: _Case, outcome: Pools | LastResort, draw: Draw) -> str:
    """Cohorts fall to slots."""
    if isinstance(outcome, LastResort):
        return outcome.pool
    return dict(case.service.bindings)[winners(outcome.shares, draw.pool)[0]]


def _drawn(
    case: _Case, outcome: Pools | LastResort, draw: Draw, key: PoolKey, members: tuple[str, ...]
) -> Iterator[ExplainStep]:
    """Who wins the client's cohorts."""
    by = "drawn for this answer" if case.service.by_query else "of the client's prefix"
    cohorts = f"{draw.pool} for pools, {draw.member} for members, of {COHORTS}"
    yield ExplainStep(what="cohort", text=f"{cohorts}, {by}")
    yield ExplainStep(
        what="pool", text=f"{key.pool} wins cohort {draw.pool}", row=shares_of(outcome, case.service.bindings)
    )
    seen, state = case.seen[key], case.states[key]
    described = {
        member.member: describe_member(seat, member, seen.failback.mode)
        for seat, member in zip(seen.seats, state.members, strict=True)
    }
    text = f"in cohort {draw.member}: {'; '.join(described[member] for member in members)}"
    yield ExplainStep(what="member" if len(members) == 1 else "members", text=text, row=state.vectors[outcome.level])
