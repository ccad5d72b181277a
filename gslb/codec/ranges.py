"""Range maps as protobuf pieces of a few thousand ranges: differences between starts as varints, and classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from itertools import accumulate, chain, pairwise
from operator import lt, ne, or_

from gslb.api.v1 import snapshot_pb2 as pb
from gslb.core.errors import InvalidSnapshot
from gslb.core.snapshot import CLASS_V6_BITS, RangeMap

MAX_RANGES = 16_000_000
"""In one map; the largest city database has about four million."""
MAX_PIECE_RANGES = 32_768

_PRIME, _ODD, _WORD = (1 << 61) - 1, 0x9E3779B97F4A7C15, (1 << 64) - 1
_BORDER = 1 << 64 - 12
"""A piece begins at one start of 4,096, wherever the others are (multiplicative hashing)."""


def dump_ranges(policy: str, kind: pb.RangeKind.ValueType, ranges: RangeMap, width: int) -> Iterator[pb.RangePiece]:
    for first, end in pairwise(_borders(ranges.starts)):
        starts = ranges.starts[first:end]
        used = reduce(or_, starts)
        idle = (used & -used).bit_length() - 1 if used else width
        counted = [start >> idle for start in starts]
        yield pb.RangePiece(
            policy=policy,
            kind=kind,
            unit_bits=width - idle,
            deltas=_varints(chain(counted[:1], (after - before for before, after in pairwise(counted)))),
            classes=ranges.classes[first:end],
        )


def load_ranges(pieces: Sequence[pb.RangePiece], width: int, longest: int, classes: int) -> RangeMap:
    """The map of these pieces. Raises InvalidSnapshot unless it is one of `width` bits and less than `classes` classes.

    `longest`: no block of it is longer than that.
    """
    starts: list[int] = []
    held: list[int] = []
    for piece in pieces:
        if piece.unit_bits > longest:
            raise InvalidSnapshot(f"class map of '{piece.policy[:80]}': a block is longer than /{longest}")
        idle = width - piece.unit_bits
        starts.extend(start << idle for start in accumulate(_numbers(piece.deltas)))
        held.extend(piece.classes)
        if len(starts) != len(held) or len(starts) > MAX_RANGES:
            raise InvalidSnapshot(f"class map of '{piece.policy[:80]}': {len(starts)} starts, {len(held)} classes")
    _check(starts, held, width, classes)
    return RangeMap(tuple(starts), tuple(held))


def _check(starts: Sequence[int], held: Sequence[int], width: int, classes: int) -> None:
    if not starts or starts[0] != 0 or starts[-1] >> width or not all(map(lt, starts, starts[1:])):
        raise InvalidSnapshot("a class map's ranges must begin at 0, rise and end within the address space")
    if max(held) >= classes:
        raise InvalidSnapshot(f"a class map names class {max(held)}, its policy has {classes}")
    if not all(map(ne, held, held[1:])):
        raise InvalidSnapshot("a class map has neighbours of one class")


def _borders(starts: Sequence[int]) -> list[int]:
    """Indexes at which pieces begin, and the end."""
    borders = [0]
    for index, start in enumerate(starts[1:], 1):
        if (start % _PRIME * _ODD & _WORD) < _BORDER or index - borders[-1] == MAX_PIECE_RANGES:
            borders.append(index)
    borders.append(len(starts))
    return borders


def _varints(numbers: Iterable[int]) -> bytes:
    """Base 128, the highest group first; all octets of a number but the last have the top bit set."""
    written = bytearray()
    for number in numbers:
        if number < 128:
            written.append(number)
            continue
        groups = [number & 127]
        while number := number >> 7:
            groups.append(number & 127 | 128)
        written.extend(reversed(groups))
    return bytes(written)


def _numbers(written: bytes) -> list[int]:
    found: list[int] = []
    number = 0
    for octet in written:
        if octet < 128:
            found.append(number << 7 | octet)
            number = 0
        else:
            number = number << 7 | octet & 127
            if number >> CLASS_V6_BITS:
                raise InvalidSnapshot("a class map's start is longer than any address")
    if written and written[-1] >= 128:
        raise InvalidSnapshot("a class map's starts are cut off")
    return found
