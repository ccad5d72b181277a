"""Small files that decide who is trusted: refused where others may read a secret, or change anything.

A file is opened once, so that what is checked is what is read.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from gslb.core.errors import GslbError

_LARGEST_BYTES = 1024 * 1024


class ExposedFile(GslbError):
    """Others may do with a file what they must not."""

    code = "exposed-file"

    def __init__(self, path: Path, mode: int, wrong: str, remedy: str) -> None:
        super().__init__(f"{path}: others may {wrong} it (mode {stat.S_IMODE(mode):o}): chmod {remedy} it")


def read_secret(path: Path) -> bytes:
    """What nobody but the owner and his group may read, and nobody but the owner change.

    Raises ExposedFile, OSError.
    """
    return _read(path, stat.S_IWGRP | stat.S_IRWXO, "read or change", "g-w,o-rwx")


def read_unchangeable(path: Path) -> bytes:
    """What everybody may know and not everybody change. Raises ExposedFile, OSError."""
    return _read(path, stat.S_IWOTH, "change", "o-w")


def _read(path: Path, forbidden: int, wrong: str, remedy: str) -> bytes:
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if mode & forbidden:
            raise ExposedFile(path, mode, wrong, remedy)
        content = file.read(_LARGEST_BYTES + 1)
    if len(content) > _LARGEST_BYTES:
        raise OSError(errno.EFBIG, "it is too large")
    return content
