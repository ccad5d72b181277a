"""A backup as octets of its file: all that the store holds at one revision, and the large inputs it names."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import BinaryIO

from gslb import __version__
from gslb.codec.backup import PIECE_BYTES, Head, Writer
from gslb.coordinator.configuration.history import CURRENT, RECORDS, inputs_of, load_pointer, load_record, record_key
from gslb.coordinator.configuration.inputs import Inputs
from gslb.store.base import ELECTIONS, Store
from gslb.store.blobs import MissingBlob
from gslb.store.shelf import BLOBS

LEFT_OUT = (ELECTIONS, BLOBS)
"""Who leads is nothing to go back to; large inputs stand in a backup as what they are, wherever they were kept."""


class Backups:
    """`wall_clock`: Unix seconds."""

    def __init__(self, store: Store, inputs: Inputs, wall_clock: Callable[[], int]) -> None:
        self._store = store
        self._inputs = inputs
        self._wall_clock = wall_clock

    async def take(self) -> AsyncGenerator[bytes, None]:
        """Raises StoreUnavailable, Compacted; MissingBlob when the configuration in force lacks an input."""
        scan, writer, named = await self._store.scan(LEFT_OUT), Writer(), _Named()
        yield writer.head(
            Head(
                incarnation=self._store.incarnation,
                revision=scan.revision,
                created_unix_s=self._wall_clock(),
                program=__version__,
            )
        )
        async with aclosing(scan.entries) as entries:
            async for entry in entries:
                named.see(entry.key, entry.value)
                for part in writer.entry(entry.key, entry.value):
                    yield part
        missing = set()
        for digest, size_bytes in named.inputs().items():
            file = await self._open(digest)
            if file is None:
                missing.add(digest)
                yield writer.missing(digest)
                continue
            with file:
                yield writer.blob(digest, size_bytes)
                while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
                    yield writer.piece(piece)
        named.check(missing)
        yield writer.end()

    async def _open(self, digest: bytes) -> BinaryIO | None:
        """None: it is gone, or damaged. Once open it can be read to its end, also when it is removed meanwhile."""
        try:
            return await asyncio.to_thread(_opened, await self._inputs.path(digest))
        except (MissingBlob, FileNotFoundError):
            return None


def _opened(path: Path) -> BinaryIO:
    return path.open("rb")


class _Named:
    """The inputs that configurations name, and which of them is in force."""

    def __init__(self) -> None:
        self._inputs: dict[str, Mapping[bytes, int]] = {}
        self._current = ""

    def see(self, key: str, value: bytes) -> None:
        if key.startswith(RECORDS):
            self._inputs[key] = inputs_of(load_record(value))
        elif key == CURRENT:
            self._current = record_key(load_pointer(value))

    def inputs(self) -> Mapping[bytes, int]:
        return {digest: size for inputs in self._inputs.values() for digest, size in sorted(inputs.items())}

    def check(self, missing: set[bytes]) -> None:
        """Of earlier configurations something may be gone, not of the one in force."""
        if gone := missing & self._inputs.get(self._current, {}).keys():
            raise MissingBlob(f"the configuration in force cannot be backed up, its input {gone.pop().hex()} is gone")
