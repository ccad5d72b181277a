"""Hypothesis strategies for small values: addresses, prefixes, places, tags, range maps."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from hypothesis import strategies as st

from gslb.core.classes.ranges import merged
from gslb.core.model import IPNetwork, Location
from gslb.core.snapshot import RangeMap

TAGS = (("office", "berlin"), ("office", "oslo"), ("tier", "gold"))


def subsets(values: Sequence[str], least: int = 0) -> st.SearchStrategy[tuple[str, ...]]:
    """Some of the values, in any order."""
    return st.lists(st.sampled_from(values), min_size=least, unique=True).map(tuple)


def v4_addresses() -> st.SearchStrategy[IPv4Address]:
    """Mostly close to each other."""
    near = st.integers(1, 40).map(lambda host: 0xC0000200 + host)
    return (near | st.integers(0, (1 << 32) - 1)).map(IPv4Address)


def v6_addresses() -> st.SearchStrategy[IPv6Address]:
    """Mostly close to each other."""
    near = st.integers(1, 40).map(lambda host: (0x20010DB8 << 96) + host)
    return (near | st.integers(0, (1 << 128) - 1)).map(IPv6Address)


def networks() -> st.SearchStrategy[IPNetwork]:
    """Prefixes that nest and touch often, some of them longer than what ECS carries."""
    v4 = st.tuples(st.integers(0, 7), st.sampled_from([0, 3, 8, 23, 24, 25, 30, 32])).map(
        lambda drawn: IPv4Network((drawn[0] << 29 | drawn[0] << 7, drawn[1]), strict=False)
    )
    v6 = st.tuples(st.integers(0, 7), st.sampled_from([0, 3, 32, 55, 56, 57, 64, 128])).map(
        lambda drawn: IPv6Network((drawn[0] << 125 | drawn[0] << 71, drawn[1]), strict=False)
    )
    return v4 | v6


def locations() -> st.SearchStrategy[Location]:
    return st.builds(
        Location,
        latitude=st.floats(-90, 90, allow_nan=False),
        longitude=st.floats(-180, 180, allow_nan=False),
    )


def tags() -> st.SearchStrategy[tuple[tuple[str, str], ...]]:
    return st.lists(st.sampled_from(TAGS), unique=True, max_size=2).map(lambda found: tuple(sorted(found)))


@st.composite
def range_maps(draw: st.DrawFn, width: int, values: int) -> RangeMap:
    """A map of up to eight ranges, borders both on and off the blocks that ECS knows."""
    shifts = st.sampled_from([0, 7, width - 24, width - 8, width - 3])
    cuts = st.lists(st.builds(lambda top, shift: (top << shift) % (1 << width), st.integers(1, 15), shifts), max_size=8)
    starts = sorted({0, *draw(cuts)})
    return merged(starts, [draw(st.integers(0, values - 1)) for _ in starts])
