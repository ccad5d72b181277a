"""The records of a database file: what its metadata say of its tree, and the place of one record.

The native module decodes only what is asked for: that takes a fraction of the time, and files whose values lead to each
other over and over do no harm. Without it `maxminddb` reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import NamedTuple, Protocol

import maxminddb

from gslb import native
from gslb.core.place import Place
from gslb.geo.places import PATHS, place_from, place_of
from gslb.geo.tree import DATA_GAP, tree_size

_METADATA = b"\xab\xcd\xefMaxMind.com"
_MAX_METADATA_BYTES = 128 * 1024
_MAJOR_VERSION = 2
_WANTED = (("binary_format_major_version",), ("node_count",), ("record_size",), ("ip_version",), ("",))
"""Nothing has the last name: looking for it goes over all and finds out where a file is cut off."""


class Shape(NamedTuple):
    """Of a tree: how many nodes, bits a record, 4 or 6."""

    node_count: int
    record_size: int
    ip_version: int


class Records(Protocol):
    """What stands in one file. Both raise what damage makes them raise."""

    @property
    def shape(self) -> Shape: ...

    def place(self, record: int, address: IPv4Address | IPv6Address) -> Place:
        """`record`: by its number in the tree; `address`: one that leads to it."""
        ...


@contextmanager
def opened(path: Path, content: bytes) -> Iterator[Records]:
    """`content` is that of `path`."""
    if native.IS_BUILT:
        yield NativeRecords(content)
    else:
        with maxminddb.open_database(path) as reader:
            yield PythonRecords(reader)


class NativeRecords:
    """Implements `Records`. Raises ValueError, OverflowError."""

    def __init__(self, content: bytes) -> None:
        at = content.rfind(_METADATA, -_MAX_METADATA_BYTES)
        if at < 0:
            raise ValueError("there are no metadata")
        major, *shape, _ = native.finder(content, at + len(_METADATA), _WANTED)(0)
        numbers = [number for number in shape if isinstance(number, int)]
        if major != _MAJOR_VERSION or len(numbers) < len(shape):
            raise ValueError("its metadata are of another format")
        self.shape = Shape(*numbers)
        self._find = native.finder(content, tree_size(*self.shape[:2]) + DATA_GAP, PATHS)

    def place(self, record: int, address: IPv4Address | IPv6Address) -> Place:
        return place_of(dict(zip(PATHS, self._find(record - DATA_GAP), strict=True)))


class PythonRecords:
    """Implements `Records`."""

    def __init__(self, reader: maxminddb.Reader) -> None:
        metadata = reader.metadata()
        self.shape = Shape(metadata.node_count, metadata.record_size, metadata.ip_version)
        self._reader = reader

    def place(self, record: int, address: IPv4Address | IPv6Address) -> Place:
        return place_from(self._reader.get(address))
