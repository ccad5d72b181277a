"""The large contents of configurations: on this machine, and in the store where that one is shared."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from pathlib import Path

from gslb.coordinator.configuration.history import Record, inputs_of
from gslb.store.blobs import Blobs
from gslb.store.shelf import Shelf


class Inputs:
    """`local` is what configurations are built from. `shelf` None: nobody else needs what lies there."""

    def __init__(self, local: Blobs, shelf: Shelf | None) -> None:
        self.local = local
        self._shelf = shelf

    async def share(self, record: Record) -> Mapping[str, int]:
        """Put a record's blobs into the store; what the commit of the record must compare.

        Raises CommitTooLarge, Conflict, MissingBlob, StoreUnavailable.
        """
        compares: dict[str, int] = {}
        if self._shelf is not None:
            for digest in inputs_of(record):
                compares |= await self._shelf.put(digest, await asyncio.to_thread(self.local.read, digest))
        return compares

    async def fetch(self, record: Record, *, stale: bool) -> None:
        """Bring here what a record has as blobs, if others have put it into the store.

        Raises MissingBlob, StoreUnavailable.
        """
        for digest in inputs_of(record):
            await self._bring(digest, stale=stale)

    async def path(self, digest: bytes) -> Path:
        """A file here that holds the content. Raises MissingBlob, StoreUnavailable."""
        await self._bring(digest, stale=False)
        return await asyncio.to_thread(self.local.path, digest)

    async def take(self, digest: bytes, content: bytes) -> None:
        """Keep a content where those of all coordinators are. Raises CommitTooLarge, Conflict, StoreUnavailable."""
        if self._shelf is not None:
            await self._shelf.put(digest, content)
        else:
            await asyncio.to_thread(self.local.put, content)

    async def _bring(self, digest: bytes, *, stale: bool) -> None:
        if self._shelf is not None and not self.local.has(digest):
            await asyncio.to_thread(self.local.put, await self._shelf.read(digest, stale=stale))

    async def keep_only(self, named: Collection[bytes]) -> None:
        """Delete all others on this machine."""
        await asyncio.to_thread(self.local.keep_only, named)

    async def has_shared(self) -> bool:
        """Whether there is anything in the store that could be removed. Raises StoreUnavailable."""
        return self._shelf is not None and await self._shelf.has_any()

    async def share_only(self, named: Collection[bytes], fence: Mapping[str, int]) -> None:
        """Remove all others from the store, as the leader with this fence. Raises StoreUnavailable."""
        if self._shelf is not None:
            await self._shelf.keep_only(named, fence)
