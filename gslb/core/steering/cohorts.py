"""Who gets which: a client's prefix falls into one of 4,096 cohorts, each cohort ranks the names of a row.

Ranking is weighted rendezvous hashing: every (name, cohort) has a fixed number U in (0, 1), the lowest -ln(U) / share
wins. So raising a share only adds cohorts to it, and a lost name moves only its own. Each name's U run through all of
(0.5 .. 4095.5) / 4096 in a pseudo-random order rather than being drawn one by one: that keeps the share of cohorts
closer to the configured share. All arithmetic is on integers but one division, which IEEE 754 rounds correctly, so
that every node computes the same tables.
"""

from __future__ import annotations

import math
import struct
from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b, shake_128
from typing import NamedTuple

from gslb.core.decision import Shares
from gslb.core.names import Name

COHORTS = 4096

_U64 = (1 << 64) - 1
COSTS = [round(-math.log((stratum + 0.5) / COHORTS) * (1 << 24)) for stratum in range(COHORTS)]
"""-ln U in units of 2^-24."""


class Draw(NamedTuple):
    """A client's cohorts; independent of each other, so that members share a pool whatever pools share the service."""

    pool: int
    member: int


class Table:
    """By cohort: indexes into the shares, best first. Cohorts that rank alike share one tuple: 8 KiB a table."""

    __slots__ = ("_numbers", "_ranks")

    def __init__(self, ranked: Iterable[tuple[int, ...]]) -> None:
        known: dict[tuple[int, ...], int] = {}
        self._numbers = array("H", [known.setdefault(ranks, len(known)) for ranks in ranked])
        self._ranks = tuple(known)

    def __getitem__(self, cohort: int) -> tuple[int, ...]:
        return self._ranks[self._numbers[cohort]]

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        return (self._ranks[number] for number in self._numbers)


def mix(value: int) -> int:
    """A bijection of 64-bit integers in which every input bit moves every output bit (SplitMix64's finaliser)."""
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _U64
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _U64
    return value ^ (value >> 31)


def salt(name: Name, seed: int) -> int:
    """What sets one service's cohorts apart from another's, so that canaries do not all meet the same clients.

    `seed`: the snapshot's, 64 bits. Every record type of a name has the same salt.
    """
    return mix(int.from_bytes(blake2b(name.wire, digest_size=8).digest(), "big") ^ (seed & _U64))


def draw(prefix: int, version: int, salt: int) -> Draw:
    """The cohorts of a client: `prefix` is its network number, address >> 8 (IPv4) or >> 72 (IPv6)."""
    mixed = mix(salt ^ mix(version << 56 | prefix))
    return Draw(mixed >> 52, mixed >> 40 & (COHORTS - 1))


def winners(shares: Shares, cohort: int, answers: int = 1) -> tuple[str, ...]:
    """The names a cohort gets, its own first: `answers` many, or all of them (0) in a row that starts with its own."""
    ranked: Sequence[int] = tabulate(shares, answers or 1)[cohort]
    if not answers:
        ranked = (*range(ranked[0], len(shares)), *range(ranked[0]))
    return tuple(shares[index][0] for index in ranked)


@lru_cache(maxsize=4096)
def tabulate(shares: Shares, picks: int = 1) -> Table:
    """For every cohort the `picks` best names (as indexes into `shares`), best first; ties by name.

    Shares need not sum to 65,536; only their ratios matter.
    """
    count = min(picks, len(shares))
    if len(shares) == 1:
        return _ALONE
    costs = zip(*([COSTS[stratum] / share for stratum in _strata(name)] for name, share in shares), strict=True)
    if count == 1:
        alone = [(index,) for index in range(len(shares))]
        return Table(alone[cost.index(min(cost))] for cost in costs)
    return Table(tuple(sorted(range(len(cost)), key=cost.__getitem__)[:count]) for cost in costs)


_ALONE = Table(((0,),) * COHORTS)


@lru_cache(maxsize=4096)
def _strata(name: str) -> Sequence[int]:
    """By cohort: which of the 4,096 strata of (0, 1) the name has there; a permutation, keyed by the name."""
    words = struct.unpack(f"<{COHORTS}I", shake_128(name.encode()).digest(4 * COHORTS))
    keys = [word >> 2 for word in words]  # integers below 2^30 sort several times faster
    return array("H", sorted(range(COHORTS), key=keys.__getitem__))
