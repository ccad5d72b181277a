"""The health machine against what it promises, on random histories: the promises are re-derived from the whole past."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from support.monitors import tcp_monitor

from gslb.core import health as machine
from gslb.core.facts import Cause, Verdict
from gslb.core.health import FLAP_WINDOW_MS, MOST_HOLD_MS, REFUSALS_APART_MS, Health, Result
from gslb.core.monitors import Monitor

LOST = "lost"
SERVES = {Verdict.UP, Verdict.RECOVERING}
REFUSALS = {Cause.REFUSED, Cause.RESET}

RULES = st.builds(
    tcp_monitor,
    fall=st.integers(1, 4),
    rise=st.integers(1, 4),
    ok=st.integers(1, 4),
    hold_ms=st.sampled_from([0, 1000, 10_000, 400_000]),
    interval_ms=st.sampled_from([200, 2000]),
    crash=st.booleans(),
)
CAUSES = st.sampled_from([Cause.OK, Cause.OK, Cause.OK, Cause.REFUSED, Cause.RESET, Cause.TIMEOUT, Cause.STATUS])
EVENTS = st.lists(
    st.tuples(st.sampled_from([0, 1, 25, 40, 200, 2000, 60_000]), st.integers(0, 50), CAUSES | st.just(LOST)),
    max_size=60,
)


@dataclass(frozen=True)
class Step:
    """One event and the health before and after it. `result` None: the watched connection was lost."""

    now_ms: int
    result: Result | None
    before: Health
    after: Health

    @property
    def counts(self) -> bool:
        """Whether the result counts: harmless confirmations, refusals still to confirm and stale ones do not."""
        return self.result is not None and not (self.before.is_confirming and self.is_confirmation)

    @property
    def is_confirmation(self) -> bool:
        assert self.result is not None
        lost_ms = self.before.watch.lost_ms
        stale = lost_ms is not None and self.result.begun_ms < lost_ms
        return stale or self.result.cause is Cause.OK or self.result.cause in REFUSALS

    @property
    def turn(self) -> tuple[Verdict, Verdict] | None:
        change = (self.before.verdict, self.after.verdict)
        return change if change[0] is not change[1] else None


def history(rules: Monitor, events: Sequence[tuple[int, int, Cause | str]]) -> list[Step]:
    health, now_ms, steps = machine.begin(0), 0, []
    for wait_ms, took_ms, event in events:
        now_ms += wait_ms
        result, before = None, health
        if isinstance(event, Cause):
            result = Result(cause=event, detail=event.name, begun_ms=now_ms - took_ms, ended_ms=now_ms)
            health = machine.observe(before, rules, result)
        else:
            health = machine.lose(before, rules, now_ms)
        steps.append(Step(now_ms, result, before, health))
    return steps


def turns(steps: Sequence[Step]) -> Iterator[tuple[int, Step, tuple[Verdict, Verdict]]]:
    for place, step in enumerate(steps):
        if step.turn is not None:
            yield place, step, step.turn


def counted_since_turn(steps: Sequence[Step], place: int, among: set[Verdict]) -> list[Result]:
    """Results that counted up to `place`, since the verdict was outside `among`."""
    found: list[Result] = []
    for step in reversed(steps[: place + 1]):
        if step.before.verdict not in among:
            break
        if step.counts and step.result is not None:
            found.append(step.result)
    return found[::-1]


def failures_not_forgotten(results: Sequence[Result], ok: int) -> int:
    failures, row = 0, 0
    for result in results:
        row = row + 1 if result.cause is Cause.OK else 0
        failures = 0 if row >= ok else failures + (result.cause is not Cause.OK)
    return failures


def is_confirmed_crash(steps: Sequence[Step], place: int) -> bool:
    """Two refusals of probes begun after the loss, far enough apart, nothing good in between."""
    lost_ms = steps[place].before.watch.lost_ms
    if lost_ms is None:
        return False
    refusals: list[int] = []
    for step in reversed(steps[: place + 1]):
        if step.result is None and not step.before.is_confirming and step.after.is_confirming:
            break
        if step.result is not None and step.result.begun_ms >= lost_ms:
            assert step.result.cause in REFUSALS
            refusals.append(step.now_ms)
    return len(refusals) >= 2 and refusals[0] - refusals[-1] >= REFUSALS_APART_MS


@given(RULES, EVENTS)
def test_down_needs_enough_failures_or_a_confirmed_crash(rules: Monitor, events: list[tuple[int, int, Cause]]) -> None:
    steps = history(rules, events)
    for place, _, (before, after) in turns(steps):
        if before in SERVES and after is Verdict.DOWN:
            failures = failures_not_forgotten(counted_since_turn(steps, place, SERVES), rules.ok)
            assert failures >= rules.fall or is_confirmed_crash(steps, place)


@given(RULES, EVENTS)
def test_enough_failures_always_make_down(rules: Monitor, events: list[tuple[int, int, Cause]]) -> None:
    steps = history(rules, events)
    for place, step in enumerate(steps):
        if step.counts and step.before.verdict in SERVES and step.after.verdict in SERVES:
            assert failures_not_forgotten(counted_since_turn(steps, place, SERVES), rules.ok) < rules.fall


@given(RULES, EVENTS)
def test_up_needs_rise_and_hold(rules: Monitor, events: list[tuple[int, int, Cause]]) -> None:
    steps = history(rules, events)
    for place, step, (before, after) in turns(steps):
        if before is Verdict.DOWN:
            last = counted_since_turn(steps, place, {Verdict.DOWN})[-rules.rise :]
            assert [result.cause for result in last] == [Cause.OK] * rules.rise
            assert after is (Verdict.RECOVERING if rules.hold_ms else Verdict.UP)
        if (before, after) == (Verdict.RECOVERING, Verdict.UP):
            quiet_from_ms = max(
                step.before.since_ms,
                *(s.now_ms for s in steps[:place] if s.counts and s.result and s.result.cause is not Cause.OK),
                0,
            )
            assert step.now_ms - quiet_from_ms >= hold_ms(rules, step.before, quiet_from_ms)


def hold_ms(rules: Monitor, health: Health, now_ms: int) -> int:
    hold = rules.hold_ms
    for _ in range(sum(now_ms - fall < FLAP_WINDOW_MS for fall in health.falls) - 1):
        hold = max(rules.hold_ms, min(hold * 2, MOST_HOLD_MS))
    return hold


@given(RULES, EVENTS)
def test_only_known_turns_happen_and_only_by_results(rules: Monitor, events: list[tuple[int, int, Cause]]) -> None:
    allowed = {
        (Verdict.UNKNOWN, Verdict.UP),
        (Verdict.UNKNOWN, Verdict.DOWN),
        (Verdict.UP, Verdict.DOWN),
        (Verdict.RECOVERING, Verdict.DOWN),
        (Verdict.RECOVERING, Verdict.UP),
        (Verdict.DOWN, Verdict.RECOVERING if rules.hold_ms else Verdict.UP),
    }
    for _, step, turn in turns(history(rules, events)):
        assert turn in allowed
        assert step.result is not None
        assert step.after.since_ms == step.now_ms


@given(RULES, EVENTS)
def test_evidence_of_down_is_its_last_failure(rules: Monitor, events: list[tuple[int, int, Cause]]) -> None:
    steps = history(rules, events)
    for place, step in enumerate(steps):
        if step.after.verdict is Verdict.DOWN:
            failed = [s.result for s in steps[: place + 1] if s.result and s.result.cause is not Cause.OK]
            assert step.after.cause is failed[-1].cause


@given(RULES, EVENTS)
def test_a_crash_is_confirmed_within_three_refusals(rules: Monitor, events: list[tuple[int, int, Cause]]) -> None:
    """From any history in which it serves and the watch is armed: probes at the times it asks for lead to DOWN."""
    steps = history(rules, events)
    health = steps[-1].after if steps else machine.begin(0)
    now_ms = (steps[-1].now_ms if steps else 0) + 10 * machine.MOST_QUIET_MS
    health = machine.lose(health, rules, now_ms)
    if health.is_confirming:
        for _ in range(3):
            assert health.soon_ms is not None
            now_ms = max(now_ms, health.soon_ms)
            health = machine.observe(
                health, rules, Result(cause=Cause.REFUSED, detail="refused", begun_ms=now_ms, ended_ms=now_ms)
            )
        assert health.verdict is Verdict.DOWN
        assert health.soon_ms is None


@given(st.sampled_from([200, 2000, 30_000]), st.integers(1, 1999))
def test_a_server_that_always_closes_costs_few_probes(interval_ms: int, closes_after_ms: int) -> None:
    """In an hour: a few more than an hour has quiet times of five minutes."""
    rules = tcp_monitor(interval_ms=interval_ms)
    health, confirmations = machine.begin(0), 0
    for turn in range(3_600_000 // interval_ms):
        now_ms = turn * interval_ms
        health = machine.observe(health, rules, Result(cause=Cause.OK, detail="ok", begun_ms=now_ms, ended_ms=now_ms))
        lost_ms = now_ms + min(closes_after_ms, interval_ms - 1)
        health = machine.lose(health, rules, lost_ms)
        if health.is_confirming:
            confirmations += 1
            health = machine.observe(
                health, rules, Result(cause=Cause.OK, detail="ok", begun_ms=lost_ms, ended_ms=lost_ms)
            )
        assert health.verdict is Verdict.UP
        assert health.failures == 0
    assert 1 <= confirmations <= 12 + 12
