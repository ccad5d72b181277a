"""Last-known-good files: three generations, each checked; what is corrupt is counted and the one before it is used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dns_server.files import Files, Kind
from gslb.core.errors import InvalidSnapshot


def text(payload: bytes) -> str:
    """Refuses what starts with `bad`."""
    if payload.startswith(b"bad"):
        raise InvalidSnapshot("refused")
    return payload.decode()


def names(root: Path, kind: Kind = Kind.FACTS) -> list[str]:
    return sorted(path.name for path in root.glob(f"{kind}*"))


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "data")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_nothing_saved_is_nothing_loaded(files: Files) -> None:
    assert files.load(Kind.FACTS, text) is None
    assert not files.unreadable


def test_the_newest_is_loaded_and_three_are_kept(files: Files, root: Path) -> None:
    for number in range(12):
        files.save(Kind.FACTS, f"number {number}".encode())
    assert Files(root).load(Kind.FACTS, text) == "number 11"
    assert names(root) == [f"facts.{number:010}" for number in (10, 11, 12)]
    assert files.written == {"facts": 12}


def test_kinds_do_not_mix(files: Files) -> None:
    for kind in Kind:
        files.save(kind, kind.encode())
    assert [files.load(kind, text) for kind in Kind] == list(Kind)


Damage = Callable[[bytes], bytes]
DAMAGES: dict[str, Damage] = {
    "empty": lambda content: b"",
    "cut off": lambda content: content[:-1],
    "head alone": lambda content: content[:20],
    "longer": lambda content: content + b"x",
    "a bit flipped": lambda content: content[:-1] + bytes([content[-1] ^ 1]),
    "another format": lambda content: b"X" + content[1:],
    "checksum flipped": lambda content: content[:15] + bytes([content[15] ^ 1]) + content[16:],
    "zeros after a crash": lambda content: bytes(len(content)),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_counted_and_the_one_before_it_is_used(files: Files, root: Path, damage: Damage) -> None:
    for content in (b"first", b"second", b"third"):
        files.save(Kind.FACTS, content)
    for name in names(root)[1:]:
        (root / name).write_bytes(damage((root / name).read_bytes()))
    again = Files(root)
    assert again.load(Kind.FACTS, text) == "first"
    assert again.unreadable == {"facts": 2}


def test_content_that_is_refused_counts_as_damaged(files: Files) -> None:
    files.save(Kind.FACTS, b"good")
    files.save(Kind.FACTS, b"bad")
    assert files.load(Kind.FACTS, text) == "good"
    assert files.unreadable == {"facts": 1}


def test_saving_goes_on_above_a_damaged_file(files: Files, root: Path) -> None:
    files.save(Kind.FACTS, b"first")
    (root / names(root)[0]).write_bytes(b"")
    files.save(Kind.FACTS, b"second")
    assert files.load(Kind.FACTS, text) == "second"


def test_a_half_written_file_of_a_crash_is_no_file(files: Files, root: Path) -> None:
    files.save(Kind.FACTS, b"first")
    (root / "facts.new").write_bytes(b"half")
    assert files.load(Kind.FACTS, text) == "first"
    files.save(Kind.FACTS, b"second")
    assert files.load(Kind.FACTS, text) == "second"
    assert not files.unreadable


def test_a_disk_that_refuses_is_counted_and_nothing_more(files: Files, root: Path) -> None:
    files.save(Kind.FACTS, b"first")
    (root / "facts.new").mkdir()
    files.save(Kind.FACTS, b"second")
    assert files.unwritten == {"facts": 1}
    assert files.load(Kind.FACTS, text) == "first"
