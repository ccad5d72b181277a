"""What the Python engine counts of one snapshot's services."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass

from dns_server.engines.answers import Pair, Reading
from dns_server.engines.base import MOST_ASKED, Asked
from gslb.core.answering.choice import Choice
from gslb.core.answering.view import Index
from gslb.core.names import Name

MAX_KEYS = 8_192
"""Pairs of service and class told apart between two looks, as in the native engine."""


class PythonTally:
    """Implements `Tally`."""

    def __init__(self, index: Index) -> None:
        services = index.snapshot.model.services
        self._order = index.snapshot.order
        self._numbers = {service.name: number for number, service in enumerate(services)}
        self._pools = {service.name: service.pools() for service in services}
        self._answers: Counter[Pair] = Counter()
        self._demand: Counter[tuple[Name, int]] = Counter()
        self._other_demand = 0

    def count(self, choices: Sequence[Choice]) -> None:
        for choice in choices:
            self._answers[choice.service, choice.pool] += 1
            asked = choice.service, choice.cls
            if asked in self._demand or len(self._demand) < MAX_KEYS:
                self._demand[asked] += 1
            else:
                self._other_demand += 1

    def take_asked(self) -> Asked:
        demand, self._demand = self._demand, Counter()
        other, self._other_demand = self._other_demand, 0
        largest = sorted(((self._numbers[name], cls, count) for (name, cls), count in demand.items()), key=_size)
        rest = sum(count for *_, count in largest[MOST_ASKED:])
        return Asked(order=self._order, most=largest[:MOST_ASKED], rest=other + rest)

    def known(self, pairs: Set[Pair]) -> Set[Pair]:
        pools = self._pools
        return {(name, pool) for name, pool in pairs if name in pools and (pool is None or pool in pools[name])}

    def read(self, pairs: Sequence[Pair], others: int) -> Reading:
        known = set(pairs)
        left = [item for item in self._answers.most_common() if item[0] not in known]
        more = max(0, len(left) - others)
        return Reading(self._answers.total(), [self._answers[pair] for pair in pairs], left[:others], more)

    def retire(self, pairs: Sequence[Pair]) -> Settled:
        return Settled(self._answers.total(), [self._answers[pair] for pair in pairs])


def _size(asked: tuple[int, int, int]) -> tuple[int, int, int]:
    """Sorts the largest first."""
    service, cls, count = asked
    return -count, service, cls


@dataclass(frozen=True, slots=True)
class Settled:
    """Implements `Retired`."""

    total: int
    known: Sequence[int]

    def is_final(self) -> bool:
        return True

    def read(self) -> tuple[int, Sequence[int]]:
        return self.total, self.known
