"""Range maps against a naive twin: longest-prefix match over a list of networks."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gslb.core.classes.ranges import EVERYWHERE, block_bits, coarsened, find, longest_match, merged, overlay, spans
from gslb.core.snapshot import RangeMap

WIDTHS = st.sampled_from([4, 8, 32, 128])
Prefix = tuple[int, int]


@st.composite
def prefixes(draw: st.DrawFn, width: int, longest: int | None = None) -> list[Prefix]:
    """Prefixes close to each other, so that many nest or touch."""
    lengths = st.integers(0, width if longest is None else longest)
    tops = st.integers(0, 15)
    found = []
    for _ in range(draw(st.integers(0, 12))):
        bits = draw(lengths)
        address = draw(tops) << width - 4 | draw(st.integers(0, 15))
        found.append((address >> width - bits << width - bits, bits))
    return found


@st.composite
def range_maps(draw: st.DrawFn, width: int) -> RangeMap:
    cuts = draw(st.lists(st.integers(1, (1 << width) - 1), max_size=12, unique=True))
    starts = (0, *sorted(cuts))
    return merged(starts, [draw(st.integers(0, 3)) for _ in starts])


def naive_match(found: list[Prefix], width: int, address: int) -> int:
    """One more than the index of the longest prefix that covers the address, the first of equal ones; 0 = none."""
    best, value = -1, 0
    for index, (prefix, bits) in enumerate(found):
        if address >> width - bits == prefix >> width - bits and bits > best:
            best, value = bits, index + 1
    return value


def edges(ranges: RangeMap, width: int) -> list[int]:
    """Addresses at which something may change, and their neighbours."""
    near = {start + step for start in ranges.starts for step in (-1, 0, 1)} | {(1 << width) - 1}
    return sorted(address for address in near if 0 <= address < 1 << width)


def is_canonical(ranges: RangeMap) -> bool:
    rising = all(before < after for before, after in pairwise(ranges.starts))
    return ranges.starts[0] == 0 and rising and all(a != b for a, b in pairwise(ranges.classes))


@given(data=st.data(), width=WIDTHS)
def test_longest_match_equals_the_naive_one(data: st.DataObject, width: int) -> None:
    found = data.draw(prefixes(width))
    cut = longest_match(found, width)
    assert is_canonical(cut)
    around = {
        prefix + step for prefix, bits in found for step in (-1, 0, 1, (1 << width - bits) - 1, 1 << width - bits)
    }
    for address in [*edges(cut, width), *(a for a in around if 0 <= a < 1 << width)]:
        assert find(cut, address).cls == naive_match(found, width, address)


@given(data=st.data(), width=WIDTHS)
def test_overlay_joins_what_both_say_about_every_address(data: st.DataObject, width: int) -> None:
    base, over = data.draw(range_maps(width)), data.draw(range_maps(width))
    calls: list[tuple[int, int]] = []

    def join(held: int, value: int) -> int:
        calls.append((held, value))
        return held * 10 + value if value else held

    joined = overlay(base, over, join)
    assert is_canonical(joined)
    assert len(calls) == len(set(calls))
    for address in {*edges(base, width), *edges(over, width)}:
        assert find(joined, address).cls == join(find(base, address).cls, find(over, address).cls)


@given(data=st.data(), width=WIDTHS)
def test_pairs_are_joined_in_the_order_of_their_first_address(data: st.DataObject, width: int) -> None:
    base, over = data.draw(range_maps(width)), data.draw(range_maps(width))
    numbers: dict[tuple[int, int], int] = {}
    joined = overlay(base, over, lambda held, value: numbers.setdefault((held, value), len(numbers)))
    firsts = list(dict.fromkeys(joined.classes))
    assert firsts == list(range(len(firsts)))


@given(data=st.data(), width=WIDTHS)
def test_answered_blocks_are_equal_or_disjoint_and_of_one_class(data: st.DataObject, width: int) -> None:
    ranges = data.draw(range_maps(width))
    addresses = data.draw(st.lists(st.integers(0, (1 << width) - 1), max_size=4)) + edges(ranges, width)
    blocks = set()
    for address in addresses:
        hit = find(ranges, address)
        assert hit.first <= address <= hit.last
        bits = block_bits(hit.first, hit.last, address, width)
        first = address >> width - bits << width - bits
        last = first + (1 << width - bits) - 1
        assert hit.first <= first <= last <= hit.last
        if bits:
            wider = first >> width - bits + 1 << width - bits + 1
            assert wider < hit.first or wider + (2 << width - bits) - 1 > hit.last
        blocks.add((first, last))
    for (_, last), (first, _) in pairwise(sorted(blocks)):
        assert last < first


@given(data=st.data(), width=st.sampled_from([8, 32, 128]), bits=st.integers(1, 6))
def test_a_coarse_block_takes_the_value_of_most_of_its_addresses(data: st.DataObject, width: int, bits: int) -> None:
    ranges = data.draw(range_maps(width))
    coarse = coarsened(ranges, bits, width)
    assert is_canonical(coarse)
    size = 1 << width - bits
    assert all(start % size == 0 for start in coarse.starts)
    for block in range(1 << bits):
        covered: dict[int, int] = {}
        for first, last, value in spans(ranges):
            inside = min(last, (block + 1) * size - 1) - max(first, block * size) + 1
            if inside > 0:
                covered[value] = covered.get(value, 0) + inside
        assert find(coarse, block * size).cls == max(covered, key=lambda value: covered[value])


def test_a_map_that_is_aligned_is_coarsened_to_itself() -> None:
    ranges = RangeMap((0, 256, 1024), (0, 1, 0))
    assert coarsened(ranges, 24, 32) == ranges


def test_ties_go_to_the_lower_address() -> None:
    ranges = RangeMap((0, 64, 192), (7, 8, 7))
    assert coarsened(ranges, 24, 32).classes == (7,)


@pytest.mark.parametrize("width", [32, 128])
def test_one_range_is_one_block(width: int) -> None:
    hit = find(EVERYWHERE, 5)
    assert block_bits(hit.first, hit.last, 5, width) == 0
