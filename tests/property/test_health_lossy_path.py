"""Ten minutes on a bad path, on a virtual clock: 5 % of packets lost, the others up to 150 ms late in either direction.

The health machine, the schedule and the times at which tries follow each other are the agent's own; the network is
what TCP makes of such a path: a lost SYN costs the try, for its repetition comes after a second; a lost request or
answer is repeated after the retransmission time-out of RFC 6298 with Linux's bounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from random import Random

import pytest
from support.monitors import HTTP, monitor

from gslb.core import health as machine
from gslb.core.facts import Cause, Verdict
from gslb.core.health import Health, Result
from site_agent import schedule

LOSS, JITTER_MS, BASE_MS = 0.05, 150, 2
LEAST_RTO_MS = 200
TEN_MINUTES_MS = 600_000
RULES = monitor(HTTP, crash=False)
SEEDS = 1000


class Path:
    """To one server that is always well, or after `dead_ms` not at all."""

    def __init__(self, seed: int, dead_ms: float = inf) -> None:
        self._chance = Random(seed)
        self._dead_ms = dead_ms

    def probe(self, begun_ms: float, *, in_doubt: bool) -> float | None:
        """When an answer comes, None = not within the time-out."""
        tries = schedule.DOUBT_TRIES if in_doubt else 1
        starts = (begun_ms + number * schedule.DOUBT_APART_MS for number in range(tries))
        answers = [answer for start in starts if (answer := self._ask(start)) is not None]
        return min((answer for answer in answers if answer <= begun_ms + RULES.timeout_ms), default=None)

    def _ask(self, start_ms: float) -> float | None:
        dials = (start_ms + number * schedule.CONNECT_APART_MS for number in range(schedule.CONNECT_TRIES))
        opened = [(dial_ms + trip_ms, trip_ms) for dial_ms in dials if (trip_ms := self._trip(dial_ms)) is not None]
        if not opened:
            return None
        now_ms, trip_ms = min(opened)
        rto_ms = trip_ms + max(LEAST_RTO_MS, 2 * trip_ms)
        while now_ms < start_ms + RULES.timeout_ms:
            answer_ms = self._trip(now_ms)
            if answer_ms is not None:
                return now_ms + answer_ms
            now_ms, rto_ms = now_ms + rto_ms, 2 * rto_ms
        return None

    def _trip(self, now_ms: float) -> float | None:
        """There and back."""
        chance = self._chance.random
        if chance() < LOSS or chance() < LOSS or now_ms >= self._dead_ms:
            return None
        return BASE_MS + JITTER_MS * (chance() + chance())


def watched(path: Path, seed: int) -> Iterator[Health]:
    """The target's health after every probe of ten minutes."""
    chance = Random(-seed - 1).random
    phase, now_ms = chance(), float(schedule.first_due_ms(0, 1, RULES.interval_ms, 0))
    health = machine.begin(0)
    while now_ms < TEN_MINUTES_MS:
        answer_ms = path.probe(now_ms, in_doubt=health.is_in_doubt)
        ended_ms = int(answer_ms if answer_ms is not None else now_ms + RULES.timeout_ms)
        cause = Cause.OK if answer_ms is not None else Cause.TIMEOUT
        health = machine.observe(health, RULES, Result(cause=cause, detail="", begun_ms=int(now_ms), ended_ms=ended_ms))
        yield health
        due_ms = schedule.next_due_ms(phase, RULES.interval_ms, ended_ms, chance())
        now_ms = float(health.soon_ms if health.soon_ms is not None else due_ms)


@pytest.mark.parametrize("hundred", range(SEEDS // 100))
def test_no_server_is_down_because_of_its_path(hundred: int) -> None:
    failures = 0
    for seed in range(100 * hundred, 100 * hundred + 100):
        for health in watched(Path(seed), seed):
            assert health.verdict is Verdict.UP
            failures += health.failures
    assert failures > 100  # the path is bad indeed


def test_a_server_that_dies_on_such_a_path_is_down_within_five_seconds() -> None:
    dead_ms = 300_000
    for seed in range(100):
        down = next(health for health in watched(Path(seed, dead_ms), seed) if health.verdict is Verdict.DOWN)
        assert dead_ms < down.since_ms <= dead_ms + 5_000
