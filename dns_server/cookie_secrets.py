"""Secrets of cookies: from a file that several servers share, read again when it changes, or one of our own.

Nothing here, nor any error, shows a secret.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from functools import partial
from pathlib import Path

from gslb.core.answering.cookies import SECRET_BYTES
from gslb.core.errors import GslbError
from gslb.runtime.secrets import read_secret
from gslb.runtime.watched import Watched

LOOK_S = 2.0
MOST_SECRETS = 2
_SECRET = re.compile(rf"[0-9a-fA-F]{{{2 * SECRET_BYTES}}}")


class BadSecrets(GslbError):
    """A file of secrets is not to be used."""

    code = "bad-secrets"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.reason = reason


class CookieSecrets:
    """Those in force, the one that makes new cookies first."""

    def __init__(self, path: Path | None) -> None:
        """Without a file one secret is drawn, good for the life of this process. Raises BadSecrets."""
        self._own = (secrets.token_bytes(SECRET_BYTES),)
        self._file = Watched("dns", "cookie secrets", lambda: (path,), partial(load, path)) if path else None

    @property
    def current(self) -> tuple[bytes, ...]:
        return self._file.current if self._file else self._own

    @property
    def refused(self) -> int:
        """Files found unusable since the start."""
        return self._file.refused if self._file else 0

    @property
    def spoilt(self) -> str:
        """Why the file cannot be used now; empty = it can, or there is none."""
        return self._file.spoilt if self._file else ""

    @property
    def has_file(self) -> bool:
        return self._file is not None

    async def follow(self, changed: Callable[[], None], look_s: float = LOOK_S) -> None:
        """Take what the file says whenever it changes, until cancelled; a bad one changes nothing."""
        if self._file is not None:
            await self._file.follow(changed, look_s)


def load(path: Path) -> tuple[bytes, ...]:
    """One or two lines of 32 hexadecimal digits. Raises BadSecrets, ExposedFile."""
    try:
        content = read_secret(path)
    except OSError as error:
        raise BadSecrets(path, error.strerror or "it cannot be read") from None
    lines = content.decode("ascii", errors="replace").split()
    if not 1 <= len(lines) <= MOST_SECRETS or not all(map(_SECRET.fullmatch, lines)):
        raise BadSecrets(path, "it must hold one or two lines of 32 hexadecimal digits")
    return tuple(map(bytes.fromhex, lines))
