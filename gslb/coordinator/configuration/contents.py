"""The files of one offered configuration: which contents are here already, and those that arrive.

Small contents stay in memory, large ones go to the blobs as they come. Paths are names only and never touch a disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path

from gslb.api.v1 import admin_pb2 as pb
from gslb.config.limits import MAX_FILES, MAX_TOTAL_BYTES
from gslb.coordinator.configuration.history import File, Record
from gslb.coordinator.refusals import invalid
from gslb.core.errors import StoreUnavailable
from gslb.store.blobs import Blobs, Upload

MAX_PATH_CHARACTERS = 1_024
MAX_OFFER_BYTES = 2 * 1024**3
IN_MEMORY_BYTES = 1024 * 1024


def offered_files(offer: pb.Offer) -> tuple[File, ...]:
    """The files of an offer, the main one first. INVALID_ARGUMENT for what no configuration can be."""
    files = tuple(File(path=file.path, sha256=file.sha256, size_bytes=file.size_bytes) for file in offer.files)
    if not 0 < len(files) <= MAX_FILES:
        raise invalid(f"an offer names 1 to {MAX_FILES} files, this one {len(files)}")
    for file in files:
        if not 0 < len(file.path) <= MAX_PATH_CHARACTERS or "\0" in file.path:
            raise invalid(f"'{file.path[:80]}' is no path of a file: 1 to {MAX_PATH_CHARACTERS} characters")
        if len(file.sha256) != sha256().digest_size:
            raise invalid(f"{file.path}: its sha256 has {len(file.sha256)} octets, not 32")
    if len({file.path for file in files}) < len(files):
        raise invalid("an offer names each path once")
    if sum(file.size_bytes for file in files) > MAX_OFFER_BYTES:
        raise invalid(f"the files are too large together: at most {MAX_OFFER_BYTES // 1024**2} MiB")
    return files


class Contents:
    """Contents by digest. `known`: those that need not be sent, besides the blobs."""

    def __init__(self, files: Iterable[File], known: Mapping[bytes, bytes], blobs: Blobs) -> None:
        self._sizes = {file.sha256: file.size_bytes for file in files}
        self._memory = {digest: known[digest] for digest in self._sizes if digest in known}
        self._blobs = blobs
        self._arriving: dict[bytes, _Arriving] = {}
        self._room_bytes = MAX_TOTAL_BYTES

    def wanted(self) -> tuple[bytes, ...]:
        """Digests of what must still be sent."""
        return tuple(digest for digest in self._sizes if digest not in self._memory and not self._blobs.has(digest))

    def add(self, data: pb.FileData) -> bool:
        """Take a piece; True when it completed its content.

        INVALID_ARGUMENT when it does not fit, StoreUnavailable when it cannot be written.
        """
        try:
            return self._add(data)
        except OSError as error:
            raise StoreUnavailable(f"content {data.sha256.hex()} cannot be kept: {error.strerror}") from error

    def _add(self, data: pb.FileData) -> bool:
        digest = data.sha256
        if digest not in self._sizes or digest in self._memory:
            raise invalid(f"content {digest.hex()} was not asked for")
        arriving = self._arriving.get(digest) or self._begin(digest)
        arriving.add(data)
        if not arriving.is_whole:
            return False
        content = self._arriving.pop(digest).finish(digest)
        if content is not None:
            self._memory[digest] = content
        return True

    def _begin(self, digest: bytes) -> _Arriving:
        size_bytes = self._sizes[digest]
        in_memory = size_bytes <= min(IN_MEMORY_BYTES, self._room_bytes)
        self._room_bytes -= size_bytes if in_memory else 0
        arriving = self._arriving[digest] = _Arriving(size_bytes, None if in_memory else self._blobs.upload())
        return arriving

    def read(self, digest: bytes) -> bytes:
        """The whole content. Raises MissingBlob."""
        return self._memory[digest] if digest in self._memory else self._blobs.read(digest)

    def path(self, digest: bytes) -> Path:
        """A file that holds the content, written if need be. Raises MissingBlob, StoreUnavailable."""
        self.keep(digest)
        return self._blobs.path(digest)

    def keep(self, digest: bytes) -> None:
        """Make it a blob if it is not. Raises StoreUnavailable."""
        if digest in self._memory:
            self._blobs.put(self._memory[digest])

    def discard(self) -> None:
        """Forget what arrived in part."""
        for arriving in self._arriving.values():
            arriving.discard()


class _Arriving:
    """A content of which not all pieces are here. `upload` None: it is collected in memory."""

    def __init__(self, size_bytes: int, upload: Upload | None) -> None:
        self._size_bytes = size_bytes
        self._got_bytes = 0
        self._memory = bytearray()
        self._upload = upload

    @property
    def is_whole(self) -> bool:
        return self._got_bytes == self._size_bytes

    def add(self, data: pb.FileData) -> None:
        if data.offset != self._got_bytes or self._got_bytes + len(data.content) > self._size_bytes:
            raise invalid(f"content {data.sha256.hex()}: pieces come in order and not beyond the size that was offered")
        self._got_bytes += len(data.content)
        if self._upload is not None:
            self._upload.write(data.content)
        else:
            self._memory += data.content

    def finish(self, digest: bytes) -> bytes | None:
        """The content, unless it went to a blob. INVALID_ARGUMENT when it is not what its hash says."""
        found = self._upload.finish() if self._upload is not None else sha256(self._memory).digest()
        if found != digest:
            raise invalid(f"content {digest.hex()} has the hash {found.hex()}: it changed while it was read; try again")
        return bytes(self._memory) if self._upload is None else None

    def discard(self) -> None:
        if self._upload is not None:
            self._upload.discard()


class Files(Mapping[str, bytes]):
    """Contents by path, each read when it is asked for."""

    def __init__(self, files: Iterable[File], contents: Contents) -> None:
        self._digests = {file.path: file.sha256 for file in files}
        self._contents = contents

    def __getitem__(self, path: str) -> bytes:
        return self._contents.read(self._digests[path])

    def __contains__(self, path: object) -> bool:
        return path in self._digests

    def __iter__(self) -> Iterator[str]:
        return iter(self._digests)

    def __len__(self) -> int:
        return len(self._digests)


def texts(record: Record | None) -> Mapping[bytes, bytes]:
    """Contents that a record holds itself, by digest."""
    files = record.files if record else ()
    return {file.sha256: file.text.encode() for file in files if file.text is not None}
