"""Range maps of millions of ranges by the native module: the same maps as in Python, in less time and memory.

What `gslb.core.classes.ranges`, `gslb.geo.tree` and `gslb.codec.ranges` say in Python is the specification, and serves
where the module was not built. The columns of a map made here are native; Python reads them like tuples. While the
module works, other threads run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from typing import Final, NamedTuple

from gslb.core.classes import ranges as plain
from gslb.core.snapshot import RangeMap

IS_BUILT: Final = find_spec("dns_server._native") is not None

if IS_BUILT:
    from dns_server import _native


Paths = tuple[tuple[str | int, ...], ...]


class Piece(NamedTuple):
    """Of the ranges [first, end) of a map: what `gslb.codec.ranges` writes of their starts."""

    first: int
    end: int
    unit_bits: int
    deltas: bytes


def cut(tree: bytes, node_count: int, record_size: int, ip_version: int) -> tuple[RangeMap, RangeMap]:
    """As `gslb.geo.tree.cut`. Raises ValueError, the text says why."""
    v4, v6 = _native.cut_tree(tree, node_count, record_size, ip_version)
    return _map(v4), _map(v6)


def overlay(base: RangeMap, over: RangeMap, join: Callable[[int, int], int]) -> RangeMap:
    """As `gslb.core.classes.ranges.overlay`."""
    if not IS_BUILT:
        return plain.overlay(base, over, join)
    joined, firsts, seconds = _ranges(base).paired(_ranges(over))
    pairs = zip(memoryview(firsts).cast("I"), memoryview(seconds).cast("I"), strict=True)
    return _map(joined.relabelled([join(held, value) for held, value in pairs]))


def coarsened(ranges: RangeMap, bits: int, width: int) -> RangeMap:
    """As `gslb.core.classes.ranges.coarsened`."""
    if not IS_BUILT:
        return plain.coarsened(ranges, bits, width)
    return _map(_ranges(ranges).coarsened(bits, width))


def firsts(ranges: RangeMap) -> RangeMap:
    """As `gslb.core.classes.ranges.firsts`."""
    return _map(_ranges(ranges).firsts()) if IS_BUILT else plain.firsts(ranges)


def finder(content: bytes, section: int, paths: Paths) -> Callable[[int], list[str | float | int | None]]:
    """Gives, for a record by its place in the section, what stands at the end of each path; None for nothing.

    Paths are keys of maps one in the other; a number counts a list's items. What it gives raises ValueError.
    """
    return _native.Finder(content, section, paths).find


def pieces(ranges: RangeMap, width: int) -> list[Piece]:
    """All pieces of a map, in order."""
    return [Piece(*piece) for piece in _ranges(ranges).pieces(width)]


def load(loaded: Iterable[tuple[int, bytes, Sequence[int]]], width: int, classes: int) -> RangeMap:
    """The map of such pieces: unit bits, deltas, classes. Raises ValueError, the text says why."""
    return _map(_native.load_ranges(loaded, width, classes))


def _map(ranges: _native.Ranges) -> RangeMap:
    return RangeMap(ranges.starts, ranges.classes)


def _ranges(ranges: RangeMap) -> _native.Ranges:
    if isinstance(ranges.starts, _native.Column):
        return ranges.starts.ranges
    return _native.Ranges(ranges.starts, ranges.classes)
