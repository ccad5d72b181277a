"""How long answers took, in buckets that double."""

from __future__ import annotations

from dataclasses import dataclass, field

BUCKETS = 21
"""Up to 1, 2, 4 ... microseconds; the last one ends at about a second, and one more is for all that took longer."""


@dataclass(slots=True)
class Latency:
    """`buckets`: answers, not cumulative. `sum_us`: of all of them together."""

    buckets: list[int] = field(default_factory=lambda: [0] * (BUCKETS + 1))
    sum_us: int = 0

    def count(self, took_s: float) -> None:
        us = int(took_s * 1e6)
        self.buckets[min(max(us - 1, 0).bit_length(), BUCKETS)] += 1
        self.sum_us += us
