"""Last known good: what the dns server saves so that after a restart it can serve at once with nobody to ask.

Three generations of each kind are kept, each file with a checksum. A file that is corrupt, or whose content is refused,
is counted and the one before it is used: before it in the order that never falls, where the content has one, since the
file that was written last may be an old one put back. Writing never leaves a half-written file under a final name.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, TypeVar

from gslb.core.errors import GslbError, InvalidSnapshot
from gslb.core.order import Order
from gslb.runtime.logs import get_logger

GENERATIONS = 3
_MAGIC = b"gslb-lkg-1\n"
_CHECKSUM_BYTES = 32
_DIGITS = 10

Content = TypeVar("Content")
Rank = Callable[[BinaryIO], Order]
"""Reads from a file's content what order it claims to have; may refuse by a GslbError."""


class Kind(StrEnum):
    SNAPSHOT = "snapshot"
    DIRECTIVES = "directives"
    FACTS = "facts"
    COORDINATORS = "coordinators"


class Files:
    """One directory of saved files; used from one thread at a time."""

    def __init__(self, root: Path) -> None:
        """Raises OSError when the directory cannot be made."""
        root.mkdir(parents=True, exist_ok=True)
        self._root = root
        self._log = get_logger("dns")
        self._read: dict[Kind, Path] = {}
        self.unreadable: Counter[str] = Counter()
        self.unwritten: Counter[str] = Counter()
        self.written: Counter[str] = Counter()

    def save(self, kind: Kind, *parts: bytes) -> None:
        """Add a generation: these, one behind the other.

        A disk that refuses is logged and counted; what serves goes on.
        """
        try:
            self._write(kind, parts)
        except OSError as error:
            self._discard(kind)
            self.unwritten[kind] += 1
            self._log.error("last known good not saved", kind=kind, error=str(error))
        else:
            self.written[kind] += 1

    def load(self, kind: Kind, read: Callable[[bytes], Content], rank: Rank = lambda _: Order()) -> Content | None:
        """`read` of the newest generation that it accepts; None when there is none, or none newer than was read before.

        It refuses by a GslbError. Newest is what has the highest order, of the same order what was written last.
        """
        for path in self._best_first(kind, rank):
            if path == self._read.get(kind):
                break
            try:
                content = read(_checked(path.read_bytes()))
                self._read[kind] = path
                return content
            except (OSError, GslbError) as error:
                self.unreadable[kind] += 1
                self._log.error("last known good not usable", file=str(path), error=str(error))
        return None

    def _discard(self, kind: Kind) -> None:
        """What was half written would only keep a full disk full."""
        with suppress(OSError):
            self._temporary(kind).unlink()

    def _temporary(self, kind: Kind) -> Path:
        return self._root / f"{kind}.new"

    def _write(self, kind: Kind, parts: Sequence[bytes]) -> None:
        earlier = self._generations(kind)
        number = int(earlier[-1].suffix[1:]) + 1 if earlier else 1
        path = self._root / f"{kind}.{number:0{_DIGITS}}"
        temporary = self._temporary(kind)
        with temporary.open("wb") as file:
            file.writelines((_MAGIC, _checksum(parts), *parts))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        self._sync_directory()
        for old in earlier[: 1 - GENERATIONS]:
            old.unlink(missing_ok=True)

    def _generations(self, kind: Kind) -> list[Path]:
        """Oldest first."""
        return sorted(path for path in self._root.glob(f"{kind}.*") if path.suffix[1:].isdigit())

    def _best_first(self, kind: Kind, rank: Rank) -> Sequence[Path]:
        ranked = ((_ranked(path, rank), path) for path in self._generations(kind))
        return [path for _, path in sorted(ranked, reverse=True)]

    def _sync_directory(self) -> None:
        descriptor = os.open(self._root, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _ranked(path: Path, rank: Rank) -> tuple[bool, Order]:
    """What does not even look right comes first: it is refused when it is read, and counted."""
    try:
        with path.open("rb") as file:
            looks_right = file.read(len(_MAGIC)) == _MAGIC
            file.seek(_CHECKSUM_BYTES, os.SEEK_CUR)
            return not looks_right, rank(file)
    except (OSError, GslbError):
        return True, Order()


def _checked(content: bytes) -> bytes:
    head = len(_MAGIC) + _CHECKSUM_BYTES
    payload = content[head:]
    if content[:head] != _MAGIC + _checksum([payload]):
        raise InvalidSnapshot("the file is cut off or corrupt: its checksum does not fit")
    return payload


def _checksum(parts: Iterable[bytes]) -> bytes:
    total = blake2b(digest_size=_CHECKSUM_BYTES)
    for part in parts:
        total.update(part)
    return total.digest()
