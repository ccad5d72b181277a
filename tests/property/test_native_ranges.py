"""The native module's range maps against those in Python, which are the specification: the same maps, calls, octets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.basics import range_maps
from support.trees import tree, written

from gslb import native
from gslb.codec.ranges import load_in_python, pieces_in_python
from gslb.core.classes import ranges as plain
from gslb.core.classes.ranges import EVERYWHERE
from gslb.core.errors import InvalidSnapshot
from gslb.core.snapshot import RangeMap
from gslb.geo.tree import BadTree, cut_in_python

WIDTHS = st.sampled_from([32, 128])
Overlay = Callable[[RangeMap, RangeMap, Callable[[int, int], int]], RangeMap]


def made_natively(ranges: RangeMap) -> RangeMap:
    """The same map with native columns."""
    return native.overlay(ranges, EVERYWHERE, lambda held, _: held)


def as_tuples(ranges: RangeMap) -> RangeMap:
    return RangeMap(tuple(ranges.starts), tuple(ranges.classes))


def followed(overlay: Overlay, base: RangeMap, over: RangeMap, modulus: int) -> tuple[RangeMap, list[tuple[int, int]]]:
    """What overlay gives, and what it asked for."""
    asked = []

    def join(held: int, value: int) -> int:
        asked.append((held, value))
        return (held * 3 + value) % modulus

    return as_tuples(overlay(base, over, join)), asked


def test_the_native_module_is_built() -> None:
    assert native.IS_BUILT


@given(data=st.data(), width=WIDTHS, modulus=st.integers(1, 9))
def test_overlays_are_equal_and_ask_the_same_in_the_same_order(data: st.DataObject, width: int, modulus: int) -> None:
    base, over = data.draw(range_maps(width, 3)), data.draw(range_maps(width, 3))
    expected = followed(plain.overlay, base, over, modulus)
    assert followed(native.overlay, base, over, modulus) == expected
    assert followed(native.overlay, made_natively(base), made_natively(over), modulus) == expected
    assert followed(plain.overlay, made_natively(base), made_natively(over), modulus) == expected


@given(data=st.data(), width=WIDTHS, bits=st.integers(1, 128))
def test_coarsened_maps_are_equal(data: st.DataObject, width: int, bits: int) -> None:
    ranges = data.draw(range_maps(width, 3))
    bits = min(bits, width)
    assert native.coarsened(ranges, bits, width) == plain.coarsened(ranges, bits, width)


@given(data=st.data(), width=WIDTHS)
def test_first_appearances_are_equal(data: st.DataObject, width: int) -> None:
    ranges = data.draw(range_maps(width, 3))
    assert native.firsts(ranges) == plain.firsts(ranges)


@given(data=st.data(), width=WIDTHS, idle=st.integers(0, 8))
def test_pieces_are_equal_octet_by_octet_and_load_as_what_they_were(data: st.DataObject, width: int, idle: int) -> None:
    drawn = data.draw(range_maps(width - idle, 3))
    ranges = RangeMap(tuple(start << idle for start in drawn.starts), drawn.classes)
    written = native.pieces(ranges, width)
    assert written == list(pieces_in_python(ranges, width))
    pieces = [(piece.unit_bits, piece.deltas, ranges.classes[piece.first : piece.end]) for piece in written]
    assert native.load(iter(pieces), width, 256) == load_in_python(pieces, width, 256) == ranges


@pytest.mark.parametrize("width", [32, 128])
def test_long_maps_are_cut_at_the_same_starts(width: int) -> None:
    chance = Random(7)
    starts = (0, *sorted({chance.randrange(1, 1 << width) for _ in range(60_000)}))
    ranges = RangeMap(starts, tuple(number % 300 for number in range(len(starts))))
    written = native.pieces(ranges, width)
    assert len(written) > 5
    assert written == list(pieces_in_python(ranges, width))


Loader = Callable[[Sequence[tuple[int, bytes, Sequence[int]]], int, int], RangeMap]


def outcome(load: Loader, pieces: Sequence[tuple[int, bytes, Sequence[int]]], width: int) -> RangeMap | None:
    """None for what is refused."""
    try:
        return as_tuples(load(pieces, width, 2))
    except (InvalidSnapshot, ValueError):
        return None


@given(data=st.data(), width=WIDTHS)
def test_pieces_of_any_content_are_loaded_alike_or_refused_alike(data: st.DataObject, width: int) -> None:
    octets = st.lists(st.sampled_from([0, 1, 127, 128, 129, 255]), max_size=40).map(bytes)
    piece = st.tuples(st.integers(0, width), octets, st.lists(st.integers(0, 2), max_size=6))
    pieces = data.draw(st.lists(piece, max_size=3))
    assert outcome(native.load, pieces, width) == outcome(load_in_python, pieces, width)


@given(data=st.data(), width=WIDTHS, size=st.sampled_from([24, 28, 32]), version=st.sampled_from([4, 6]))
def test_whole_and_damaged_trees_are_cut_alike_or_refused_alike(
    data: st.DataObject, width: int, size: int, version: int
) -> None:
    nodes = tree(data.draw(range_maps(width, 3)), width)
    content = bytearray(written(nodes, size))
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        expected = cut_in_python(bytes(content), len(nodes), size, version)
    except BadTree as error:
        with pytest.raises(ValueError, match=str(error)):
            native.cut(bytes(content), len(nodes), size, version)
    else:
        assert native.cut(bytes(content), len(nodes), size, version) == expected


@given(data=st.data(), width=WIDTHS)
def test_native_columns_read_like_tuples(data: st.DataObject, width: int) -> None:
    ranges = data.draw(range_maps(width, 3))
    columns = made_natively(ranges)
    assert columns == ranges
    assert columns == made_natively(ranges)
    bounds = st.one_of(st.none(), st.integers(-15, 15))
    cut = slice(data.draw(bounds), data.draw(bounds), data.draw(st.sampled_from([None, 1, 2, -1, -3])))
    for column, expected in ((columns.starts, ranges.starts), (columns.classes, ranges.classes)):
        assert len(column) == len(expected)
        assert column[cut] == list(expected[cut])
        assert column[-1] == expected[-1]
        assert column != (*expected, 1)
        with pytest.raises(IndexError):
            column[len(expected)]
