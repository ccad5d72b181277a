"""Layouts as they are kept beside a configuration: compressed, since each repeats most of the one before it."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from google.protobuf.message import DecodeError

from gslb.api.v1 import snapshot_pb2 as pb
from gslb.codec import members
from gslb.codec.chunks import dump
from gslb.core.errors import InvalidSnapshot
from gslb.core.layouts import Layout

MAX_BYTES = 1 << 28
"""Of all layouts together, before they are compressed."""


def dump_layouts(layouts: Iterable[Layout]) -> bytes:
    parts = (part for layout in layouts for part in members.dump_layout(layout))
    return zlib.compress(dump(pb.Chunk(layouts=parts)))


def load_layouts(content: bytes) -> tuple[Layout, ...]:
    """Raises InvalidSnapshot."""
    try:
        return members.load_layouts(pb.Chunk.FromString(_unpacked(content)).layouts)
    except (zlib.error, DecodeError):
        raise InvalidSnapshot("the layouts kept beside a configuration are damaged") from None


def _unpacked(content: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    unpacked = unpacker.decompress(content, MAX_BYTES)
    if not unpacker.eof:
        raise InvalidSnapshot(
            f"the layouts kept beside a configuration are cut off, or take more than {MAX_BYTES} octets"
        )
    return unpacked
