"""The native engine's answers under their names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

from dns_server import _native
from dns_server.engines.answers import Pair, Reading
from gslb.core.model import Model, Service

Numbers = tuple[int, int | None]
"""Of a service and a pool, in the order of the model."""


class NativeTally:
    """Implements `Tally` of one snapshot. Only pairs that were told by `known` or `read` have their numbers here."""

    def __init__(self, tallies: _native.Tallies, model: Model) -> None:
        self._tallies = tallies
        self._model = model
        self._numbers: dict[Pair, Numbers] = {}

    def known(self, pairs: Set[Pair]) -> Set[Pair]:
        wanted = {name.wire for name, _ in pairs}
        pools = {pool.name: number for number, pool in enumerate(self._model.pools)} if wanted else {}
        for number, service in enumerate(self._model.services if wanted else ()):
            if service.name.wire in wanted:
                self._numbers |= {
                    (service.name, pool): (number, None if pool is None else pools[pool])
                    for pool in _pools(service)
                    if (service.name, pool) in pairs
                }
        return pairs & self._numbers.keys()

    def read(self, pairs: Sequence[Pair], others: int) -> Reading:
        total, known, found, more = self._tallies.answers([self._numbers[pair] for pair in pairs], others)
        names = [(self._name(*numbers), count) for numbers, count in found]
        self._numbers.update(zip((name for name, _ in names), (numbers for numbers, _ in found), strict=True))
        return Reading(total, known, names, more)

    def retire(self, pairs: Sequence[Pair]) -> RetiredNativeTally:
        return RetiredNativeTally(self._tallies, [self._numbers[pair] for pair in pairs])

    def _name(self, service: int, pool: int | None) -> Pair:
        return self._model.services[service].name, None if pool is None else self._model.pools[pool].name


class RetiredNativeTally:
    """Implements `Retired`; holds on to counters, not to the snapshot."""

    def __init__(self, tallies: _native.Tallies, pairs: Sequence[Numbers]) -> None:
        self._tallies = tallies
        self._pairs = pairs

    def is_final(self) -> bool:
        return self._tallies.is_final()

    def read(self) -> tuple[int, Sequence[int]]:
        total, known, _, _ = self._tallies.answers(self._pairs, 0)
        return total, known


def _pools(service: Service) -> Iterator[str | None]:
    yield None
    yield from service.pools()
