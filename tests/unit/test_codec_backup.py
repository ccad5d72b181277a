"""Backup files: what went in comes out, and nothing else is taken for a backup."""

from __future__ import annotations

import io
from hashlib import sha256

import pytest

from gslb.api.v1 import backup_pb2 as pb
from gslb.codec.backup import PIECE_BYTES, Head, Input, InvalidBackup, Key, Missing, Writer, read

HEAD = Head(incarnation=7, revision=12, created_unix_s=1_800_000_000, program="1")
BLOB = bytes(range(256)) * 3


def made(*, blob: bytes = BLOB, size: int | None = None) -> bytes:
    writer = Writer()
    parts = [writer.head(HEAD), *writer.entry("a", b"one"), *writer.entry("b", b"")]
    parts += [writer.blob(sha256(BLOB).digest(), len(BLOB) if size is None else size), writer.piece(blob)]
    return b"".join((*parts, writer.missing(b"m" * 32), writer.end()))


def test_what_went_in_comes_out() -> None:
    assert list(read(io.BytesIO(made()))) == [
        HEAD,
        Key(key="a", value=b"one"),
        Key(key="b", value=b""),
        Input(digest=sha256(BLOB).digest(), content=BLOB),
        Missing(digest=b"m" * 32),
    ]


def test_a_large_value_goes_in_pieces() -> None:
    value = b"x" * (2 * PIECE_BYTES + 1)
    writer = Writer()
    parts = [writer.head(HEAD), *writer.entry("a", value), writer.end()]
    assert max(map(len, parts)) < PIECE_BYTES + 100
    assert list(read(io.BytesIO(b"".join(parts))))[1] == Key(key="a", value=value)


def test_every_flipped_bit_is_noticed() -> None:
    whole = made()
    for at in range(len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << at % 8
        with pytest.raises(InvalidBackup):
            list(read(io.BytesIO(damaged)))


def test_every_cut_is_noticed() -> None:
    whole = made()
    for length in range(len(whole)):
        with pytest.raises(InvalidBackup):
            list(read(io.BytesIO(whole[:length])))


def test_what_comes_after_the_end_is_noticed() -> None:
    with pytest.raises(InvalidBackup, match="after its end"):
        list(read(io.BytesIO(made() + b"\0")))


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "this is not a backup"),
        (b"zones: []\n", "this is not a backup"),
        (made(blob=BLOB[::-1]), "another content than its hash says"),
        (made(size=len(BLOB) - 1), "longer than it says"),
        (made(size=len(BLOB) + 1), "shorter than it says"),
    ],
)
def test_what_is_wrong_is_said(content: bytes, text: str) -> None:
    with pytest.raises(InvalidBackup, match=text):
        list(read(io.BytesIO(content)))


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (pb.BackupPart(head=pb.BackupHead(version=2)), "format 2, this version reads 1"),
        (pb.BackupPart(piece=b"x"), "does not begin with a head"),
        (pb.BackupPart(), "does not begin with a head"),
    ],
)
def test_only_a_known_head_comes_first(part: pb.BackupPart, text: str) -> None:
    payload = part.SerializeToString()
    with pytest.raises(InvalidBackup, match=text):
        list(read(io.BytesIO(b"aya-backup\n" + len(payload).to_bytes(4, "big") + payload)))


def test_a_piece_without_an_owner_is_refused() -> None:
    writer = Writer()
    content = b"".join((writer.head(HEAD), writer.piece(b"x"), writer.end()))
    with pytest.raises(InvalidBackup, match="'piece' where none belongs"):
        list(read(io.BytesIO(content)))


def test_a_part_that_claims_to_be_huge_is_not_read() -> None:
    with pytest.raises(InvalidBackup, match="a part is too long"):
        list(read(io.BytesIO(b"aya-backup\n" + b"\xff" * 40)))
