"""Range maps as protobuf pieces of a few thousand ranges: differences between starts as varints, and classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from itertools import accumulate, chain, pairwise
from operator import lt, ne, or_

from gslb import native
from gslb.api.v1 import snapshot_pb2 as pb
from gslb.core.errors import InvalidSnapshot
from gslb.core.snapshot import CLASS_V6_BITS, RangeMap

MAX_RANGES = 16_000_000
"""In one map; the largest city database has about four million."""
MAX_PIECE_RANGES = 32_768

_PRIME, _ODD, _WORD = (1 << 61) - 1, 0x9E3779B97F4A7C15, (1 << 64) - 1
_BORDER = 1 << 64 - 12
"""A piece begins at one start of 4,096, wherever the others are (multiplicative hashing)."""


_DAMAGED = "a class map's starts are cut off or longer than any address"


def dump_ranges(policy: str, kind: pb.RangeKind.ValueType, ranges: RangeMap, width: int) -> Iterator[pb.RangePiece]:
    for piece in native.pieces(ranges, width) if native.IS_BUILT else pieces_in_python(ranges, width):
        yield pb.RangePiece(
            policy=policy,
            kind=kind,
            unit_bits=piece.unit_bits,
            deltas=piece.deltas,
            classes=ranges.classes[piece.first : piece.end],
        )


def pieces_in_python(ranges: RangeMap, width: int) -> Iterator[native.Piece]:
    """The pieces of a map, by what its starts are and not by how many come before."""
    for first, end in pairwise(_borders(ranges.starts)):
        starts = ranges.starts[first:end]
        used = reduce(or_, starts)
        idle = (used & -used).bit_length() - 1 if used else width
        counted = [start >> idle for start in starts]
        deltas = _varints(chain(counted[:1], (after - before for before, after in pairwise(counted))))
        yield native.Piece(first=first, end=end, unit_bits=width - idle, deltas=deltas)


def load_ranges(pieces: Sequence[pb.RangePiece], width: int, longest: int, classes: int) -> RangeMap:
    """The map of these pieces. Raises InvalidSnapshot unless it is one of `width` bits and less than `classes` classes.

    `longest`: no block of it is longer than that.
    """
    bounded = _bounded(pieces, longest)
    if not native.IS_BUILT:
        return load_in_python(bounded, width, classes)
    try:
        return native.load(bounded, width, classes)
    except ValueError as error:
        raise InvalidSnapshot(str(error)) from None


def load_in_python(pieces: Iterable[tuple[int, bytes, Sequence[int]]], width: int, classes: int) -> RangeMap:
    """The map of such pieces: unit bits, deltas, classes. Raises InvalidSnapshot."""
    starts: list[int] = []
    held: list[int] = []
    for unit_bits, deltas, some in pieces:
        starts.extend(start << width - unit_bits for start in accumulate(_numbers(deltas)))
        held.extend(some)
        if len(starts) != len(held):
            raise InvalidSnapshot("a class map's starts and classes differ in number")
    _check(starts, held, width, classes)
    return RangeMap(tuple(starts), tuple(held))


def _bounded(pieces: Sequence[pb.RangePiece], longest: int) -> Iterator[tuple[int, bytes, Sequence[int]]]:
    ranges = 0
    for piece in pieces:
        if piece.unit_bits > longest:
            raise InvalidSnapshot(f"class map of '{piece.policy[:80]}': a block is longer than /{longest}")
        ranges += len(piece.classes)
        if ranges > MAX_RANGES:
            raise InvalidSnapshot(f"class map of '{piece.policy[:80]}': more than {MAX_RANGES} ranges")
        yield piece.unit_bits, piece.deltas, piece.classes


def _check(starts: Sequence[int], held: Sequence[int], width: int, classes: int) -> None:
    if not starts or starts[0] != 0 or starts[-1] >> width or not all(map(lt, starts, starts[1:])):
        raise InvalidSnapshot("a class map's ranges must begin at 0, rise and end within the address space")
    if max(held) >= classes:
        raise InvalidSnapshot("a class map names a class that its policy does not have")
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
                raise InvalidSnapshot(_DAMAGED)
    if written and written[-1] >= 128:
        raise InvalidSnapshot(_DAMAGED)
    return found
