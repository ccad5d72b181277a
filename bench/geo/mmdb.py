"""Writing files in MaxMind DB format (2.0) at the speed of a benchmark, from a tree that is made already."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import NamedTuple


class Unsigned(NamedTuple):
    """A number of one of the format's widths, which readers insist on."""

    bits: int
    number: int


Value = str | float | Unsigned | list[str] | Mapping[str, "Value"]

METADATA = b"\xab\xcd\xefMaxMind.com"
GAP = 16
"""Octets of zero between tree and data; records of the tree count from its start."""
_BUILD_EPOCH = 1_780_000_000
_TEXT, _DOUBLE, _MAP, _ARRAY = 2, 3, 7, 11
_UNSIGNED = {16: 5, 32: 6, 64: 9}


def database(tree: bytes, node_count: int, data: bytes, kind: str, ip_version: int) -> bytes:
    """A whole file. `tree`: its records have 32 bits."""
    about: Mapping[str, Value] = {
        "binary_format_major_version": Unsigned(16, 2),
        "binary_format_minor_version": Unsigned(16, 0),
        "build_epoch": Unsigned(64, _BUILD_EPOCH),
        "database_type": kind,
        "description": {"en": "made for a benchmark"},
        "ip_version": Unsigned(16, ip_version),
        "languages": ["en"],
        "node_count": Unsigned(32, node_count),
        "record_size": Unsigned(16, 32),
    }
    return tree + bytes(GAP) + data + METADATA + encoded(about)


def encoded(value: Value) -> bytes:
    """One value in the format's own encoding; text and containers of up to 284 octets or members, as all here are."""
    match value:
        case str():
            content = value.encode()
            return _head(_TEXT, len(content)) + content
        case float():
            return _head(_DOUBLE, 8) + struct.pack(">d", value)
        case Unsigned(bits, number):
            return _head(_UNSIGNED[bits], bits // 8) + number.to_bytes(bits // 8)
        case list():
            return _head(_ARRAY, len(value)) + b"".join(map(encoded, value))
        case _:
            return _head(_MAP, len(value)) + b"".join(encoded(key) + encoded(held) for key, held in value.items())


def _head(kind: int, size: int) -> bytes:
    extended = bytes([kind - 7]) if kind > 7 else b""
    top = 0 if kind > 7 else kind
    return bytes([top << 5 | min(size, 29)]) + extended + (bytes([size - 29]) if size >= 29 else b"")
