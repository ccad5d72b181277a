"""Answers by service and pool, carried over from snapshot to snapshot under their names.

There can be a million pairs of service and pool, and nobody wants so many time series: only so many are told apart, and
the rest is added up. A pair that is told apart stays so until the configuration drops it, those asked for most come
first, and no number ever falls: what has been shown in the sum stays in the sum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from gslb.core.names import Name

MOST_PAIRS = 2_000
Pair = tuple[Name, str | None]
"""A service and a pool; None: answers from no pool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """So far. `other`: of all pairs that are not in `named`; `folded`: how many of these there are now."""

    named: Mapping[Pair, int]
    other: int
    folded: int

    @property
    def total(self) -> int:
        return sum(self.named.values()) + self.other


class Reading(NamedTuple):
    """`known`: of the pairs that were asked for. `others`: the largest others. `more`: how many others are left."""

    total: int
    known: Sequence[int]
    others: Sequence[tuple[Pair, int]]
    more: int


class Retired(Protocol):
    """The answers of a snapshot that serves no more."""

    def is_final(self) -> bool:
        """Whether the last answer has been counted."""
        ...

    def read(self) -> tuple[int, Sequence[int]]:
        """All answers, and those of the pairs it was retired with."""
        ...


class Tally(Protocol):
    """The answers of the snapshot that serves."""

    def known(self, pairs: Set[Pair]) -> Set[Pair]:
        """Those of `pairs` that the snapshot can answer with."""
        ...

    def read(self, pairs: Sequence[Pair], others: int) -> Reading:
        """Answers so far: of `pairs`, which it has said to know, and of at most so many others."""
        ...

    def retire(self, pairs: Sequence[Pair]) -> Retired:
        """The snapshot goes; of what it counted only `pairs` will be told apart."""
        ...


class Ledger:
    """The one reader of an engine's tallies."""

    def __init__(self, most: int = MOST_PAIRS) -> None:
        self._most = most
        self._present: Tally | None = None
        self._retired: list[tuple[Retired, tuple[Pair | None, ...]]] = []
        """None stands for a pair that is told apart no more."""
        self._carried: dict[Pair, int] = {}
        """What pairs that are told apart had before the present tally, less what has been shown in the sum."""
        self._other = 0
        self._none_hidden = True
        """Whether nothing of the present tally has been shown in the sum."""

    def follow(self, tally: Tally) -> None:
        """Count on with another snapshot."""
        if self._present is not None:
            pairs = tuple(self._carried)
            self._retired.append((self._present.retire(pairs), pairs))
        gone = self._carried.keys() - tally.known(self._carried.keys())
        self._other += sum(self._carried.pop(pair) for pair in gone)
        self._retired = [(one, tuple(None if pair in gone else pair for pair in pairs)) for one, pairs in self._retired]
        self._present, self._none_hidden = tally, True
        self.settle()

    def settle(self) -> None:
        """Let go of retired tallies in which nothing is counted any more."""
        retired, self._retired = self._retired, []
        for tally, pairs in retired:
            if tally.is_final():
                self._other += _add(tally, pairs, self._carried)
            else:
                self._retired.append((tally, pairs))

    def read(self) -> Answers:
        self.settle()
        named, other = dict(self._carried), self._other
        for tally, pairs in self._retired:
            other += _add(tally, pairs, named)
        if self._present is None:
            return Answers(named=named, other=other, folded=0)
        room = self._most - len(self._carried)
        reading = self._present.read(tuple(self._carried), room)
        for known, count in zip(self._carried, reading.known, strict=True):
            named[known] += count
        other += reading.total - sum(reading.known)
        for pair, count in reading.others:
            shown = 0 if self._none_hidden else count
            self._carried[pair], named[pair] = -shown, count - shown
            self._other += shown
            other -= count - shown
        self._none_hidden = reading.more == 0
        return Answers(named=named, other=other, folded=reading.more)


def _add(tally: Retired, pairs: Sequence[Pair | None], named: dict[Pair, int]) -> int:
    """Add a retired tally's answers to those that are told apart; returns the others."""
    total, known = tally.read()
    for pair, count in zip(pairs, known, strict=True):
        if pair is not None:
            named[pair] += count
            total -= count
    return total
