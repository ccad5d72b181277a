"""Backup files: what a store holds and the large inputs beside it, checked from the first octet to the last.

Written and read part by part, so that no side holds the whole. `proto/gslb/api/v1/backup.proto` is the format.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO, TypeAlias

from google.protobuf.message import DecodeError

from gslb.api.v1 import backup_pb2 as pb
from gslb.core.errors import GslbError

VERSION = 1
PIECE_BYTES = 512 * 1024
_MAGIC = b"aya-backup\n"
_LENGTH_BYTES = 4
_MAX_PART_BYTES = 1024 * 1024


class InvalidBackup(GslbError):
    """A file is no backup, is damaged or cut off, or does not fit together."""

    code = "invalid-backup"


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """`incarnation`, `revision`: of the store at that moment."""

    incarnation: int
    revision: int
    created_unix_s: int
    program: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    key: str
    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    digest: bytes
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """An input of an earlier configuration that could not be read any more."""

    digest: bytes


Item: TypeAlias = Head | Key | Input | Missing


class Writer:
    """Makes the octets of a file, one call after the other: `head`, then the others, then `end`."""

    def __init__(self) -> None:
        self._hash = sha256()

    def head(self, head: Head) -> bytes:
        part = pb.BackupHead(
            version=VERSION,
            incarnation=head.incarnation,
            revision=head.revision,
            created_unix_s=head.created_unix_s,
            program=head.program,
        )
        self._hash.update(_MAGIC)
        return _MAGIC + self._part(pb.BackupPart(head=part))

    def entry(self, key: str, value: bytes) -> Iterator[bytes]:
        yield self._part(pb.BackupPart(entry=pb.BackupEntry(key=key, size_bytes=len(value))))
        for start in range(0, len(value), PIECE_BYTES):
            yield self.piece(value[start : start + PIECE_BYTES])

    def blob(self, digest: bytes, size_bytes: int) -> bytes:
        """To be followed by the pieces of its content."""
        return self._part(pb.BackupPart(blob=pb.BackupBlob(sha256=digest, size_bytes=size_bytes)))

    def piece(self, content: bytes) -> bytes:
        """At most PIECE_BYTES."""
        return self._part(pb.BackupPart(piece=content))

    def missing(self, digest: bytes) -> bytes:
        return self._part(pb.BackupPart(missing=digest))

    def end(self) -> bytes:
        return self._part(pb.BackupPart(end=self._hash.digest()))

    def _part(self, part: pb.BackupPart) -> bytes:
        payload = part.SerializeToString(deterministic=True)
        framed = len(payload).to_bytes(_LENGTH_BYTES, "big") + payload
        self._hash.update(framed)
        return framed


def read(file: BinaryIO) -> Iterator[Item]:
    """Item by item, each whole. Raises InvalidBackup; only a reader that came to the end knows that all is well."""
    parts = _parts(file)
    yield _head(next(parts))
    for part in parts:
        match part.WhichOneof("part"):
            case "entry":
                yield Key(key=part.entry.key, value=_content(parts, part.entry.size_bytes))
            case "blob":
                content = _content(parts, part.blob.size_bytes)
                if sha256(content).digest() != part.blob.sha256:
                    raise InvalidBackup("a large input in the backup has another content than its hash says")
                yield Input(digest=part.blob.sha256, content=content)
            case "missing":
                yield Missing(digest=part.missing)
            case "end":
                return
            case other:
                raise InvalidBackup(f"the backup has a part '{other}' where none belongs")


def _head(part: pb.BackupPart) -> Head:
    head = part.head
    if not part.HasField("head"):
        raise InvalidBackup("the backup does not begin with a head")
    if head.version != VERSION:
        raise InvalidBackup(f"the backup has format {head.version}, this version reads {VERSION}: use the newer one")
    return Head(
        incarnation=head.incarnation,
        revision=head.revision,
        created_unix_s=head.created_unix_s,
        program=head.program,
    )


def _content(parts: Iterator[pb.BackupPart], size_bytes: int) -> bytes:
    content = bytearray()
    while len(content) < size_bytes:
        part = next(parts)
        if not part.HasField("piece") or not part.piece:
            raise InvalidBackup("a content in the backup is shorter than it says")
        content += part.piece
    if len(content) > size_bytes:
        raise InvalidBackup("a content in the backup is longer than it says")
    return bytes(content)


def _parts(file: BinaryIO) -> Iterator[pb.BackupPart]:
    """All parts; the last one is the end, whose hash was right and after which nothing came."""
    if file.read(len(_MAGIC)) != _MAGIC:
        raise InvalidBackup("this is not a backup: `gslb backup` makes them")
    seen = sha256(_MAGIC)
    while True:
        length = _exactly(file, _LENGTH_BYTES)
        if int.from_bytes(length, "big") > _MAX_PART_BYTES:
            raise InvalidBackup("the backup is damaged: a part is too long")
        payload = _exactly(file, int.from_bytes(length, "big"))
        part = _load(payload)
        if part.HasField("end"):
            if part.end != seen.digest():
                raise InvalidBackup("the backup is damaged: its checksum is wrong")
            if file.read(1):
                raise InvalidBackup("the backup is damaged: something comes after its end")
            yield part
            return
        seen.update(length + payload)
        yield part


def _exactly(file: BinaryIO, count: int) -> bytes:
    found = file.read(count)
    if len(found) < count:
        raise InvalidBackup("the backup is cut off: it ends before its end")
    return found


def _load(payload: bytes) -> pb.BackupPart:
    try:
        return pb.BackupPart.FromString(payload)
    except DecodeError:
        raise InvalidBackup("the backup is damaged: a part cannot be read") from None
