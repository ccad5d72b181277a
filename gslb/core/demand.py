"""Demand: how many queries a second are answered, by service and class of clients, over all dns servers.

A decaying mean: it goes halfway to a new level within `HALF_LIFE_S`, and shows exactly what lasts. Dns servers that are
gone, and services and classes that nobody asks for any more, fall out of it by themselves. A coordinator that has only
just started shows the mean so far.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from types import MappingProxyType
from typing import NamedTuple

from gslb.core.names import Name
from gslb.core.steering.stages.base import Key

HALF_LIFE_S = 10.0
MAX_PAIRS = 4_096
"""That are told apart; the smallest others are summed."""
LEAST_RATE = 0.001
"""Queries a second below which a pair is forgotten: a minute after its last query."""


class Pair(NamedTuple):
    """A service, and a class of its policy by its keys: its number may be another one in the next snapshot."""

    service: Name
    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Queries a second at `at_s`, of a monotonic clock, from all that came in the `seen_s` before.

    `rates`: at most MAX_PAIRS. `other`: of all other pairs together.
    """

    at_s: float
    seen_s: float = 0.0
    rates: Mapping[Pair, float] = field(default_factory=lambda: MappingProxyType({}))
    other: float = 0.0

    @property
    def total(self) -> float:
        return sum(self.rates.values()) + self.other

    def by_service(self) -> Mapping[Name, Mapping[tuple[Key, ...], float]]:
        """By class of each service."""
        services: dict[Name, dict[tuple[Key, ...], float]] = {}
        for (service, keys), rate in self.rates.items():
            services.setdefault(service, {})[keys] = rate
        return services


def advance(demand: Demand, answers: Mapping[Pair, int], other: int, now_s: float) -> Demand:
    """Demand with the `answers` since `demand.at_s`, and those of no known pair. `now_s` must be later than that."""
    elapsed_s = now_s - demand.at_s
    if elapsed_s <= 0:
        raise ValueError(f"{now_s} is not after {demand.at_s}")
    seen_s = demand.seen_s + elapsed_s
    gain = max(1 - 0.5 ** (elapsed_s / HALF_LIFE_S), elapsed_s / seen_s)  # at first the mean of all there is
    kept, added = 1 - gain, gain / elapsed_s
    rates = {pair: rate * kept for pair, rate in demand.rates.items()}
    for pair, count in answers.items():
        rates[pair] = rates.get(pair, 0.0) + count * added
    rates = {pair: rate for pair, rate in rates.items() if rate >= LEAST_RATE}
    largest, folded = _bounded(rates)
    return Demand(
        at_s=now_s,
        seen_s=seen_s,
        rates=MappingProxyType(largest),
        other=demand.other * kept + other * added + folded,
    )


def _bounded(rates: dict[Pair, float]) -> tuple[dict[Pair, float], float]:
    """The largest MAX_PAIRS, and the sum of the others."""
    if len(rates) <= MAX_PAIRS:
        return rates, 0.0
    ordered = sorted(rates.items(), key=itemgetter(1), reverse=True)
    return dict(ordered[:MAX_PAIRS]), sum(rate for _, rate in ordered[MAX_PAIRS:])
