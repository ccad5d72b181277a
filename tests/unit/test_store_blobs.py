"""Blobs are whole or absent, and never believed without a look at their hash."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from gslb.core.errors import StoreUnavailable
from gslb.store.blobs import Blobs, MissingBlob


@pytest.fixture(params=[True, False], ids=["sync", "fast"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs", sync=request.param)


def test_put_is_named_by_its_hash_and_read_back(blobs: Blobs, tmp_path: Path) -> None:
    digest = blobs.put(b"content")
    assert digest == sha256(b"content").digest()
    assert blobs.has(digest)
    assert blobs.read(digest) == b"content"
    assert blobs.path(digest) == tmp_path / "blobs" / digest.hex()
    assert blobs.put(b"content") == digest
    assert len(list((tmp_path / "blobs").iterdir())) == 1


def test_an_upload_shows_only_when_finished(blobs: Blobs) -> None:
    digest = sha256(b"onetwo").digest()
    upload = blobs.upload()
    upload.write(b"one")
    upload.write(b"two")
    assert not blobs.has(digest)
    assert upload.finish() == digest
    upload.discard()
    assert blobs.read(digest) == b"onetwo"


def test_a_discarded_upload_leaves_nothing(blobs: Blobs, tmp_path: Path) -> None:
    upload = blobs.upload()
    upload.write(b"half")
    upload.discard()
    assert list((tmp_path / "blobs").iterdir()) == []


def test_what_a_killed_process_left_is_cleared_away(blobs: Blobs, tmp_path: Path) -> None:
    digest = blobs.put(b"whole")
    (tmp_path / "blobs" / "x.part").write_bytes(b"half")
    again = Blobs(tmp_path / "blobs", sync=True)
    assert [path.name for path in (tmp_path / "blobs").iterdir()] == [digest.hex()]
    assert again.read(digest) == b"whole"


@pytest.mark.parametrize("damaged", [b"", b"contenT", b"content and more"])
@pytest.mark.parametrize("look", [Blobs.read, Blobs.path])
def test_a_damaged_blob_is_not_believed_and_can_be_put_again(
    blobs: Blobs, damaged: bytes, look: Callable[[Blobs, bytes], object]
) -> None:
    digest = blobs.put(b"content")
    blobs.path(digest).write_bytes(damaged)
    with pytest.raises(MissingBlob, match="another hash"):
        look(blobs, digest)
    assert not blobs.has(digest)
    assert blobs.read(blobs.put(b"content")) == b"content"


def test_an_absent_blob_is_missing(blobs: Blobs) -> None:
    with pytest.raises(MissingBlob):
        blobs.read(bytes(32))
    with pytest.raises(MissingBlob):
        blobs.path(bytes(32))


def test_keep_only_spares_uploads_under_way(blobs: Blobs) -> None:
    kept, dropped = blobs.put(b"kept"), blobs.put(b"dropped")
    upload = blobs.upload()
    upload.write(b"late")
    blobs.keep_only({kept})
    assert blobs.has(kept)
    assert not blobs.has(dropped)
    assert blobs.read(upload.finish()) == b"late"


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnavailable):
        Blobs(tmp_path / "file" / "blobs", sync=True)
