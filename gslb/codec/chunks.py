"""Grouping messages into runs so that a small change of a configuration changes few of its chunks.

Where a run ends is decided by the content of its last message, not by how many came before it: borders stay where they
are when something is put in or taken out elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar
from zlib import crc32

from google.protobuf.message import Message

from gslb.core.errors import InvalidSnapshot

MAX_CHUNK_BYTES = 1 << 20
RUN_BYTES = 1 << 18
"""A run ends at the latest when it would grow beyond this."""

M = TypeVar("M", bound=Message)


def dump(message: Message) -> bytes:
    """The same bytes for the same message."""
    return message.SerializeToString(deterministic=True)


def runs(messages: Iterable[M], mean: int) -> Iterator[list[M]]:
    """`messages` in order, about `mean` to a run, in runs of at most RUN_BYTES unless one message alone is larger."""
    run: list[M] = []
    size_bytes = 0
    for message in messages:
        content = dump(message)
        if run and size_bytes + len(content) > RUN_BYTES:
            yield run
            run, size_bytes = [], 0
        run.append(message)
        size_bytes += len(content)
        if crc32(content) % mean == 0:
            yield run
            run, size_bytes = [], 0
    if run:
        yield run


def packed(messages: Iterable[Message], mean: int) -> Iterator[bytes]:
    """Runs of chunk messages as the bytes of one chunk each: protobuf merges messages whose bytes follow each other."""
    for run in runs(messages, mean):
        content = b"".join(dump(message) for message in run)
        if len(content) > MAX_CHUNK_BYTES:
            raise InvalidSnapshot(
                f"one item of the configuration takes {len(content)} octets, at most {MAX_CHUNK_BYTES} fit: split it"
            )
        yield content
