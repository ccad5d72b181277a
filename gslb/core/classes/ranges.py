"""The algebra of range maps: address spaces cut into ranges that carry small integers.

A class map, the places of a geo database and the prefixes of rules are all RangeMaps; what combines them is `overlay`.
Values are classes in a class map and indexes elsewhere. `width` is 32 or 128.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import compress, pairwise
from operator import ne
from typing import NamedTuple

from gslb.core.snapshot import CLASS_V6_BITS, RangeMap

OPEN_END = (1 << CLASS_V6_BITS) - 1
"""Last address of a map's final range, in either family: `block_bits` cuts it to the width."""

EVERYWHERE = RangeMap((0,), (0,))


class Hit(NamedTuple):
    """The range that holds an address: its class, first and last address (inclusive)."""

    cls: int
    first: int
    last: int


def find(ranges: RangeMap, address: int) -> Hit:
    """The range of `address`, in O(log n)."""
    at = bisect_right(ranges.starts, address) - 1
    last = ranges.starts[at + 1] - 1 if at + 1 < len(ranges.starts) else OPEN_END
    return Hit(ranges.classes[at], ranges.starts[at], last)


def block_bits(first: int, last: int, address: int, width: int) -> int:
    """Prefix length of the largest CIDR block that holds `address` and lies within [first, last].

    Such a block must keep out the neighbours first-1 and last+1, so it is one bit longer than what `address` has in
    common with the nearer of them. Blocks of one map are therefore equal or disjoint, whatever addresses ask for them.
    """
    bits = 0
    if first > 0:
        bits = width - (address ^ (first - 1)).bit_length() + 1
    if last < (1 << width) - 1:
        bits = max(bits, width - (address ^ (last + 1)).bit_length() + 1)
    return bits


def merged(starts: Sequence[int], classes: Sequence[int]) -> RangeMap:
    """A map of these ranges in which neighbours of one class are one range."""
    changes = [True, *map(ne, classes, classes[1:])]
    return RangeMap(tuple(compress(starts, changes)), tuple(compress(classes, changes)))


def overlay(base: RangeMap, over: RangeMap, join: Callable[[int, int], int]) -> RangeMap:
    """The map whose value is `join(value in base, value in over)`.

    `join` is called once per distinct pair, in the order in which pairs first appear by address. The work in Python is
    in the number of ranges of `over`: make the smaller one that.
    """
    joined: dict[int, _Joined] = {}
    starts: list[int] = []
    classes: list[int] = []
    at = 0
    for first, last, value in spans(over):
        table = joined.get(value) or joined.setdefault(value, _Joined(join, value))
        stop = bisect_right(base.starts, last, at)
        starts.append(first)
        starts.extend(base.starts[at + 1 : stop])
        classes.extend([table[held] for held in base.classes[at:stop]])
        at = stop if stop < len(base.starts) and base.starts[stop] == last + 1 else stop - 1
    return merged(starts, classes)


class _Joined(dict[int, int]):
    """Remembers `join` for one value of the map on top."""

    __slots__ = ("join", "over")

    def __init__(self, join: Callable[[int, int], int], over: int) -> None:
        super().__init__()
        self.join = join
        self.over = over

    def __missing__(self, held: int) -> int:
        self[held] = value = self.join(held, self.over)
        return value


def spans(ranges: RangeMap) -> Iterator[tuple[int, int, int]]:
    """(first, last, value) of each range by address."""
    ends = (*(start - 1 for start in ranges.starts[1:]), OPEN_END)
    return zip(ranges.starts, ends, ranges.classes, strict=True)


def firsts(ranges: RangeMap) -> RangeMap:
    """Only the first range of each value, that is, where each first appears."""
    found: dict[int, int] = {}
    for start, value in zip(ranges.starts, ranges.classes, strict=True):
        found.setdefault(value, start)
    return RangeMap(tuple(found.values()), tuple(found))


def longest_match(prefixes: Iterable[tuple[int, int]], width: int) -> RangeMap:
    """Cut at `prefixes`, (address, prefix length) pairs: i+1 where the i-th is the longest match, 0 where none is.

    Of equal prefixes the first counts.
    """
    order = sorted((address, bits, i + 1) for i, (address, bits) in enumerate(prefixes))
    starts, classes = [0], [0]
    around = [(1 << width, 0)]  # prefixes that cover the current address, longest last: (first address after it, value)

    def cut(start: int, value: int) -> None:
        if starts[-1] == start:
            classes[-1] = value
        else:
            starts.append(start)
            classes.append(value)

    previous = None
    for address, bits, value in order:
        if (address, bits) == previous:
            continue
        previous = address, bits
        while around[-1][0] <= address:
            end, _ = around.pop()
            cut(end, around[-1][1])
        cut(address, value)
        around.append((address + (1 << width - bits), value))
    while len(around) > 1:
        end, _ = around.pop()
        if end < 1 << width:
            cut(end, around[-1][1])
    return merged(starts, classes)


def coarsened(ranges: RangeMap, bits: int, width: int) -> RangeMap:
    """The map as seen by someone who knows only the first `bits` bits of an address.

    A block that is cut inside takes the value that covers most of it, of equal ones the first by address.
    """
    unit = 1 << width - bits
    blocks = sorted({start // unit for start in ranges.starts if start % unit})
    values = [_most(ranges, block * unit, unit) for block in blocks]
    patches = longest_match(((block * unit, bits) for block in blocks), width)
    return overlay(ranges, patches, lambda held, patch: values[patch - 1] if patch else held)


def _most(ranges: RangeMap, first: int, size: int) -> int:
    """The value that covers most of the block of `size` addresses from `first`."""
    low = bisect_right(ranges.starts, first) - 1
    high = bisect_left(ranges.starts, first + size)
    covered: dict[int, int] = {}
    edges = (first, *ranges.starts[low + 1 : high], first + size)
    for value, (start, end) in zip(ranges.classes[low:high], pairwise(edges), strict=True):
        covered[value] = covered.get(value, 0) + end - start
    return max(covered, key=covered.__getitem__)
