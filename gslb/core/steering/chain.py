"""The chain of passes: which slots of a policy share each class, for one availability of the pools behind them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from gslb.core.decision import Level
from gslb.core.steering.outline import Chain
from gslb.core.steering.stages.base import Bench, Key, Row, Stage, Step

Availability = tuple[frozenset[str], ...]
"""By level: slots whose pool can serve there."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a class got: the level of the first pass that left something, and the slots' weights."""

    level: Level
    row: Row


@dataclass(frozen=True, slots=True)
class Column:
    """The choices of all classes: class c has `choices[index[c]]`; None = no pass left anything."""

    choices: tuple[Choice | None, ...]
    index: tuple[int, ...]


def benches(chain: Chain, available: Availability) -> tuple[Bench, ...]:
    """What the stages may know, by level."""
    return tuple(Bench(available=slots, sites=chain.sites) for slots in available)


def column(chain: Chain, available: Availability) -> Column:
    """Run the passes for every class."""
    passes = benches(chain, available)
    numbers: dict[Choice | None, int] = {}
    index = [numbers.setdefault(choose(chain, cls, passes), len(numbers)) for cls in range(len(chain.classes))]
    return Column(tuple(numbers), tuple(index))


def choose(chain: Chain, cls: int, passes: tuple[Bench, ...]) -> Choice | None:
    """The first pass that leaves a class something."""
    for level, bench in zip(Level, passes, strict=True):
        row = begin(chain.reaches[cls].slots, bench.available)
        if row:
            for step in walk(chain.stages, chain.classes[cls], row, bench):
                row = step.row
            return Choice(level, row)
    return None


@lru_cache(maxsize=4096)
def begin(reachable: frozenset[str], available: frozenset[str]) -> Row:
    """What the chain starts with: every available slot that the class can ever get, weight 1."""
    return tuple((slot, 1) for slot in sorted(reachable & available))


def walk(stages: tuple[Stage, ...], keys: tuple[Key, ...], row: Row, bench: Bench) -> Iterator[Step]:
    """What each stage makes of the row, in order."""
    for stage, key in zip(stages, keys, strict=True):
        step = stage.apply(row, key, bench)
        row = step.row
        yield step
