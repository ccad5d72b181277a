"""Large inputs by content: files named by their SHA-256, written whole or not at all, verified whenever read.

Blocking; callers on an event loop use a thread for all but the smallest. One process owns a folder.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from hashlib import file_digest, sha256
from pathlib import Path
from tempfile import mkstemp

from gslb.core.errors import GslbError, StoreUnavailable

_PART = ".part"


class MissingBlob(GslbError):
    """A blob is not there, or its content is not what its name says."""

    code = "missing-blob"


class Upload:
    """One blob arriving in pieces; nothing is to be seen of it until `finish`."""

    def __init__(self, folder: Path, *, sync: bool) -> None:
        self._sync = sync
        self._hash = sha256()
        self._folder = folder
        descriptor, name = mkstemp(suffix=_PART, dir=folder)
        self._file, self._part = os.fdopen(descriptor, "wb"), Path(name)

    def write(self, piece: bytes) -> None:
        self._hash.update(piece)
        self._file.write(piece)

    def finish(self) -> bytes:
        """Make the blob visible, on the disk if the folder is synchronous; its digest."""
        digest = self._hash.digest()
        self._file.flush()
        if self._sync:
            os.fsync(self._file.fileno())
        self._file.close()
        self._part.rename(self._folder / digest.hex())
        if self._sync:
            _sync_folder(self._folder)
        return digest

    def discard(self) -> None:
        """Forget what came so far; does nothing after `finish`."""
        self._file.close()
        self._part.unlink(missing_ok=True)


class Blobs:
    """A folder of blobs. With `sync` a blob that was put survives a power cut, without it only the process's death."""

    def __init__(self, folder: Path, *, sync: bool) -> None:
        self._folder = folder
        self._sync = sync
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for part in folder.glob("*" + _PART):
                part.unlink()
        except OSError as error:
            raise _unavailable(folder, error) from error

    def has(self, digest: bytes) -> bool:
        return (self._folder / digest.hex()).is_file()

    def read(self, digest: bytes) -> bytes:
        """The content. Raises MissingBlob; a damaged blob is deleted, so that it can be put again."""
        path = self._folder / digest.hex()
        try:
            content = path.read_bytes()
        except OSError as error:
            raise _unreadable(digest, error) from error
        _check(path, digest, sha256(content).digest())
        return content

    def path(self, digest: bytes) -> Path:
        """The file, for readers that map it into memory, after a check of its whole content. Fails like `read`."""
        path = self._folder / digest.hex()
        try:
            with path.open("rb") as file:
                found = file_digest(file, "sha256").digest()
        except OSError as error:
            raise _unreadable(digest, error) from error
        _check(path, digest, found)
        return path

    def put(self, content: bytes) -> bytes:
        """Write a blob if it is not there; its digest. Raises StoreUnavailable."""
        digest = sha256(content).digest()
        if self.has(digest):
            return digest
        upload = self.upload()
        try:
            upload.write(content)
            return upload.finish()
        except OSError as error:
            raise _unavailable(self._folder, error) from error
        finally:
            upload.discard()

    def upload(self) -> Upload:
        """Begin a blob. Raises StoreUnavailable; its writing raises OSError."""
        try:
            return Upload(self._folder, sync=self._sync)
        except OSError as error:
            raise _unavailable(self._folder, error) from error

    def keep_only(self, digests: Collection[bytes]) -> None:
        """Delete all other finished blobs."""
        names = {digest.hex() for digest in digests}
        for path in self._folder.iterdir():
            if path.suffix != _PART and path.name not in names:
                path.unlink(missing_ok=True)


def _check(path: Path, digest: bytes, found: bytes) -> None:
    if found != digest:
        path.unlink(missing_ok=True)
        raise MissingBlob(f"blob {digest.hex()} was damaged: its content had another hash")


def _unreadable(digest: bytes, error: OSError) -> MissingBlob:
    return MissingBlob(f"blob {digest.hex()} cannot be read: {error.strerror}")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unavailable(folder: Path, error: OSError) -> StoreUnavailable:
    return StoreUnavailable(f"the blobs in {folder}: {error.strerror}")
