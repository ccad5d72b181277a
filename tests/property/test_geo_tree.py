"""Trees of MaxMind DB files against a naive twin: write a list of networks as a tree, read it back as ranges."""

from __future__ import annotations

from ipaddress import IPv6Network
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.basics import range_maps
from support.trees import grow, tree, written

from gslb.core.classes.ranges import EVERYWHERE, find
from gslb.core.snapshot import RangeMap
from gslb.geo.tree import BadTree, cut

SIZES = st.sampled_from([24, 28, 32])


def without_whole(ranges: RangeMap) -> RangeMap:
    """A tree cannot say one thing about everything: its root is always a node."""
    return ranges if len(ranges.starts) > 1 else EVERYWHERE


@given(ranges=range_maps(32, 3), size=SIZES)
def test_a_v4_tree_reads_as_the_ranges_it_was_written_from(ranges: RangeMap, size: int) -> None:
    ranges = without_whole(ranges)
    nodes = tree(ranges, 32)
    assert cut(written(nodes, size), len(nodes), size, 4) == (ranges, EVERYWHERE)


@given(ranges=range_maps(128, 3), size=SIZES)
def test_a_v6_tree_gives_its_first_96_zeros_to_v4_and_leaves_them_out_of_v6(ranges: RangeMap, size: int) -> None:
    ranges = without_whole(ranges)
    nodes = tree(ranges, 128)
    v4, v6 = cut(written(nodes, size), len(nodes), size, 6)
    for address in {near for start in ranges.starts for near in (start - 1, start, start + 1) if near >= 0}:
        if address < 1 << 32:
            assert find(v4, address).cls == find(ranges, address).cls
        else:
            assert find(v6, address).cls == find(ranges, address).cls


@given(ranges=range_maps(32, 3), alias=st.sampled_from(["2002::/16", "::ffff:0:0/96", "2001::/32"]))
def test_aliases_of_v4_are_empty(ranges: RangeMap, alias: str) -> None:
    nodes = tree(ranges, 32, "0" * 96)
    grow(nodes, "0" * 96 + "1" * 32, 9)
    root = 0
    for _ in range(96):
        child = nodes[root][0]
        assert isinstance(child, int)
        root = child
    network = IPv6Network(alias)
    path = f"{int(network.network_address) >> 128 - network.prefixlen:0{network.prefixlen}b}"
    grow(nodes, path, 0)
    node = 0
    for bit in map(int, path[:-1]):
        child = nodes[node][bit]
        assert isinstance(child, int)
        node = child
    nodes[node][int(path[-1])] = root
    v4, v6 = cut(written(nodes, 24), len(nodes), 24, 6)
    assert find(v4, (1 << 32) - 1).cls == 9
    assert v6 == EVERYWHERE


@given(ranges=range_maps(32, 3), size=SIZES, seed=st.integers(0, 1 << 32))
def test_a_damaged_tree_is_refused_or_a_map(ranges: RangeMap, size: int, seed: int) -> None:
    chance = Random(seed)
    nodes = tree(without_whole(ranges), 32)
    for _ in range(20):
        content = bytearray(written(nodes, size))
        for _ in range(chance.randrange(1, 4)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        try:
            v4, v6 = cut(bytes(content), len(nodes), size, chance.choice([4, 6]))
        except BadTree:
            continue
        assert v4.starts[0] == v6.starts[0] == 0
        assert sorted(set(v4.starts)) == list(v4.starts)
        assert v4.starts[-1] < 1 << 32


def test_a_tree_that_is_cut_off_says_so() -> None:
    with pytest.raises(BadTree, match="cut off"):
        cut(bytes(11), 2, 24, 4)


def test_a_tree_of_an_unknown_record_size_says_so() -> None:
    with pytest.raises(BadTree, match="16 bits"):
        cut(bytes(100), 2, 16, 4)


def test_a_tree_without_nodes_says_so() -> None:
    with pytest.raises(BadTree, match="no networks"):
        cut(b"", 0, 24, 4)


def test_a_tree_that_leads_back_to_its_root_says_so() -> None:
    with pytest.raises(BadTree, match="circles"):
        cut(bytes(6), 1, 24, 4)
