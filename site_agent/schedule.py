"""When each target is probed. Pure: clocks and dice are arguments; times are monotonic milliseconds.

New targets are probed within half a second, one after the other. From then on each has its own place in the interval,
far from its neighbours', so that the load is even and a server's monitors do not knock together.
"""

from __future__ import annotations

FIRST_ROUND_MS = 500
JITTER = 0.05
CONNECT_TRIES = 3
CONNECT_APART_MS = 250
"""A probe's connection is dialled again if it does not open: TCP itself would do so after a second only."""
DOUBT_TRIES = 4
DOUBT_APART_MS = 50
"""Where one more failure may change the verdict, a probe asks again if no answer comes: any answer counts."""
_GOLDEN = 0.6180339887498949


def first_due_ms(index: int, count: int, interval_ms: int, now_ms: int) -> int:
    """When target `index` of `count` new ones is probed first."""
    return now_ms + min(FIRST_ROUND_MS, interval_ms) * index // max(count, 1)


def phase(index: int, offset: float) -> float:
    """A target's place in every interval, in [0, 1): any run of indexes is spread evenly.

    `offset` in [0, 1) differs from agent to agent, so that the agents of a site do not probe in step.
    """
    return (index * _GOLDEN + offset) % 1.0


def next_due_ms(phase: float, interval_ms: int, now_ms: int, chance: float) -> int:
    """The next turn at least half an interval away, early or late by up to 5 % (`chance` in [0, 1))."""
    start_ms = round(phase * interval_ms)
    earliest_ms = now_ms + interval_ms // 2
    turns = -(-(earliest_ms - start_ms) // interval_ms)
    jitter_ms = round((2 * chance - 1) * JITTER * interval_ms)
    return start_ms + turns * interval_ms + jitter_ms
