"""The search tree of a MaxMind DB file (format 2.0): a binary tree over address bits, cut into ranges.

Reading the tree as a whole is several times faster than asking for one network after the other, and neighbours with the
same record become one range on the way.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Mapping, Sequence

from gslb import native
from gslb.core.classes.ranges import EVERYWHERE
from gslb.core.errors import GslbError
from gslb.core.snapshot import CLASS_V4_BITS, CLASS_V6_BITS, RangeMap

DATA_GAP = 16
"""Octets of zero behind the tree; records that name data count from their start."""


class BadTree(GslbError):
    """The file has no tree that can be read; the text says why."""

    code = "geo"


_HIGH = bytes(octet >> 4 for octet in range(256))
_LOW = bytes(octet & 15 for octet in range(256))


def cut(content: bytes, node_count: int, record_size: int, ip_version: int) -> tuple[RangeMap, RangeMap]:
    """The v4 and the v6 ranges of a file's tree. Values name data records; 0 = nothing known.

    IPv4 lies at ::/96 of a version 6 tree. It is read there once: aliases that lead to it (2002::/16, ::ffff:0:0/96,
    2001::/32) are empty, as a dns server sees such clients by their own address. Raises BadTree.
    """
    _check(content, node_count, record_size)
    if not native.IS_BUILT:
        return cut_in_python(content, node_count, record_size, ip_version)
    try:
        return native.cut(content, node_count, record_size, ip_version)
    except ValueError as error:
        raise BadTree(str(error)) from None


def cut_in_python(content: bytes, node_count: int, record_size: int, ip_version: int) -> tuple[RangeMap, RangeMap]:
    """As `cut`, and what it means."""
    words = records(content, node_count, record_size)
    if ip_version == 4:
        return _ranges(words, 0, CLASS_V4_BITS, None), EVERYWHERE
    v4_root = 0
    for _ in range(CLASS_V6_BITS - CLASS_V4_BITS):
        v4_root = words[2 * v4_root] if v4_root < node_count else v4_root
    return _ranges(words, v4_root, CLASS_V4_BITS, None), _ranges(words, 0, CLASS_V6_BITS, v4_root)


def records(content: bytes, node_count: int, record_size: int) -> Sequence[int]:
    """Left and right record of every node in turn. Raises BadTree."""
    _check(content, node_count, record_size)
    words = array("I", bytes(_SPREAD[record_size](content[: tree_size(node_count, record_size)])))
    if sys.byteorder == "little":
        words.byteswap()
    return words


def _check(content: bytes, node_count: int, record_size: int) -> None:
    size = tree_size(node_count, record_size)
    if node_count == 0:
        raise BadTree("it holds no networks")
    if record_size not in _SPREAD:
        raise BadTree(f"its records have {record_size} bits, which the format does not know")
    if size > len(content):
        raise BadTree(f"it is cut off: its tree has {size} octets, the whole file {len(content)}")


def tree_size(node_count: int, record_size: int) -> int:
    """In octets."""
    return 2 * node_count * record_size // 8


def _spread_24(tree: bytes) -> bytearray:
    """Big-endian words of 32 bits."""
    spread = bytearray(len(tree) // 3 * 4)
    for octet in range(3):
        spread[octet + 1 :: 4] = tree[octet::3]
    return spread


def _spread_28(tree: bytes) -> bytearray:
    """A node's middle octet holds the top four bits of its left, then of its right record."""
    spread = bytearray(len(tree) // 7 * 8)
    spread[0::8], spread[4::8] = tree[3::7].translate(_HIGH), tree[3::7].translate(_LOW)
    for octet in range(3):
        spread[octet + 1 :: 8], spread[octet + 5 :: 8] = tree[octet::7], tree[octet + 4 :: 7]
    return spread


_SPREAD: Mapping[int, Callable[[bytes], bytearray]] = {24: _spread_24, 28: _spread_28, 32: bytearray}


def _ranges(words: Sequence[int], root: int, width: int, alias: int | None) -> RangeMap:
    """Leaves below `root` by address, without the subtree of `alias`."""
    node_count = len(words) // 2
    starts: list[int] = []
    values: list[int] = []
    held = -1
    pending = [(root, 0, width)]
    visited = 0
    while pending:
        record, first, height = pending.pop()
        while record < node_count and record != alias:
            height -= 1
            visited += 1
            if height < 0 or visited > node_count:
                raise BadTree("it is damaged: its tree runs in circles")
            pending.append((words[2 * record + 1], first | 1 << height, height))
            record = words[2 * record]
        value = record - node_count if record > node_count else 0
        if value != held:
            starts.append(first)
            values.append(value)
            held = value
    return RangeMap(tuple(starts), tuple(values))
