"""Large inputs in the store itself, for coordinators that share no disk: cut into pieces, held together by a manifest.

The manifest stands from the first piece on and says when all are there. Everything is written and removed under its
revision, and a commit that names a blob compares it too: so nobody can remove what somebody else is about to name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from hashlib import sha256
from typing import TypeGuard

from gslb.core.errors import Conflict
from gslb.store.base import ABSENT, MAX_COMMIT_KEYS, CommitTooLarge, Entry, Store
from gslb.store.blobs import MissingBlob

PIECE_BYTES = 1_000_000
MAX_PIECES = MAX_COMMIT_KEYS - 1
"""So that one commit removes a blob."""
MAX_BLOB_BYTES = MAX_PIECES * PIECE_BYTES
BLOBS = "blobs/"
_MANIFESTS = f"{BLOBS}manifests/"
_PIECES = f"{BLOBS}pieces/"
_PART = b"part"


class Shelf:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def put(self, digest: bytes, content: bytes) -> Mapping[str, int]:
        """Write a blob if it is not there; what a commit that names it must compare.

        Raises CommitTooLarge, StoreUnavailable; Conflict when others write or remove the same blob.
        """
        if len(content) > MAX_BLOB_BYTES:
            raise CommitTooLarge(f"a file of {len(content)} octets is too large for the store: {MAX_BLOB_BYTES} fit")
        manifest = _MANIFESTS + digest.hex()
        present = await self._store.get(manifest)
        if _is_whole(present):
            return {manifest: present.revision}
        revision = present.revision if present else ABSENT
        revision = await self._store.commit(compares={manifest: revision}, puts={manifest: _PART})
        starts = range(0, len(content), PIECE_BYTES)
        for number, start in enumerate(starts):
            piece = {_piece(manifest, number): content[start : start + PIECE_BYTES]}
            await self._store.commit(compares={manifest: revision}, puts=piece)
        count = str(len(starts)).encode()
        return {manifest: await self._store.commit(compares={manifest: revision}, puts={manifest: count})}

    async def read(self, digest: bytes, *, stale: bool = False) -> bytes:
        """The content. Raises MissingBlob, StoreUnavailable."""
        manifest = await self._store.get(_MANIFESTS + digest.hex(), stale=stale)
        if not _is_whole(manifest):
            raise MissingBlob(f"blob {digest.hex()} is not in the store")
        keys = [_piece(manifest.key, number) for number in range(int(manifest.value))]
        pieces = [await self._store.get(key, stale=stale) for key in keys]
        content = b"".join(piece.value for piece in pieces if piece is not None)
        if sha256(content).digest() != digest:
            raise MissingBlob(f"blob {digest.hex()} is damaged in the store: its content has another hash")
        return content

    async def has_any(self) -> bool:
        """Whether any blob, whole or in part, is there."""
        return bool((await self._store.list(_MANIFESTS)).entries)

    async def keep_only(self, digests: Collection[bytes], fence: Mapping[str, int]) -> None:
        """Remove all others, also those that came in part; what somebody takes up meanwhile stays.

        `fence`: of the leader that does it; once another one leads nothing is removed.
        """
        kept = {_MANIFESTS + digest.hex() for digest in digests}
        for entry in (await self._store.list(_MANIFESTS)).entries:
            if entry.key not in kept:
                pieces = (_piece(entry.key, number) for number in range(MAX_PIECES))
                with suppress(Conflict):
                    await self._store.commit(
                        compares={entry.key: entry.revision, **fence}, puts={}, deletes=[entry.key, *pieces]
                    )


def _is_whole(manifest: Entry | None) -> TypeGuard[Entry]:
    """It says how many pieces there are, in few digits: others may have written it."""
    return manifest is not None and re.fullmatch(rb"\d{1,3}", manifest.value) is not None


def _piece(manifest: str, number: int) -> str:
    return f"{_PIECES}{manifest.removeprefix(_MANIFESTS)}/{number:03}"
