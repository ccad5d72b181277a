"""Secrets of cookies: from a file that several servers share, read again when it changes, or one of our own.

Nothing here, nor any error, shows a secret.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import stat
from collections.abc import Callable
from pathlib import Path

from gslb.core.answering.cookies import SECRET_BYTES
from gslb.core.errors import GslbError
from gslb.runtime.logs import get_logger

LOOK_S = 2.0
MOST_SECRETS = 2
_FORBIDDEN = stat.S_IWGRP | stat.S_IRWXO
_LARGEST_BYTES = 1024
_SECRET = re.compile(rf"[0-9a-fA-F]{{{2 * SECRET_BYTES}}}")
_Stamp = tuple[int, ...] | None


class BadSecrets(GslbError):
    """A file of secrets is not to be used."""

    code = "bad-secrets"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.reason = reason


class CookieSecrets:
    """`current`: those in force, the one that makes new cookies first. `refused`: files found unusable since then."""

    def __init__(self, path: Path | None) -> None:
        """Without a file one secret is drawn, good for the life of this process. Raises BadSecrets."""
        self._path = path
        self._stamp = _stamp(path) if path else None
        self.current = load(path) if path else (secrets.token_bytes(SECRET_BYTES),)
        self.refused = 0

    @property
    def has_file(self) -> bool:
        return self._path is not None

    async def follow(self, changed: Callable[[], None], look_s: float = LOOK_S) -> None:
        """Take what the file says whenever it changes, until cancelled; a bad one changes nothing."""
        while self._path is not None:
            await asyncio.sleep(look_s)
            if await asyncio.to_thread(self._look, self._path):
                changed()

    def _look(self, path: Path) -> bool:
        stamp = _stamp(path)
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            found = load(path)
        except BadSecrets as error:
            self.refused += 1
            get_logger("dns").error("cookie secrets refused, keeping the old ones", reason=str(error))
            return False
        if found == self.current:
            return False
        self.current = found
        get_logger("dns").info("cookie secrets changed", count=len(found))
        return True


def load(path: Path) -> tuple[bytes, ...]:
    """One or two lines of 32 hexadecimal digits, which nobody but the owner may change or others read.

    Raises BadSecrets.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(_LARGEST_BYTES)
    except OSError as error:
        raise BadSecrets(path, error.strerror or "it cannot be read") from None
    if mode & _FORBIDDEN:
        raise BadSecrets(path, f"others may read or change it (mode {stat.S_IMODE(mode):o}): make it 600")
    lines = content.decode("ascii", errors="replace").split()
    if not 1 <= len(lines) <= MOST_SECRETS or not all(map(_SECRET.fullmatch, lines)):
        raise BadSecrets(path, "it must hold one or two lines of 32 hexadecimal digits")
    return tuple(map(bytes.fromhex, lines))


def _stamp(path: Path) -> _Stamp:
    """What tells one state of the file from another; None when it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mode, found.st_mtime_ns
