"""Where configuration text comes from: a folder on disk, or the files that `apply` sent along."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from glob import glob
from pathlib import Path
from posixpath import dirname, isabs, join, normpath
from typing import Protocol

from gslb.config.limits import MAX_FILE_BYTES


class FileSource(Protocol):
    """Reads files by path: relative to the main file's folder with `/`, or absolute."""

    def read(self, path: str) -> bytes:
        """The whole content. Raises OSError as open() does."""
        ...

    def glob(self, pattern: str) -> tuple[str, ...]:
        """Paths that match, sorted; `*`, `?` and `[...]` stay within one folder and skip hidden files."""
        ...

    def has(self, path: str) -> bool:
        """Whether there is such a file, for those that are too large to be read here."""
        ...


@dataclass(frozen=True, slots=True)
class DiskSource:
    """Files below (or absolute beside) the folder `root`."""

    root: Path

    def read(self, path: str) -> bytes:
        full = self.root / path
        if full.exists() and not full.is_file():
            raise OSError(errno.EINVAL, "not a regular file")
        with full.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise OSError(errno.EFBIG, f"larger than {MAX_FILE_BYTES // 2**20} MiB")
        return content

    def glob(self, pattern: str) -> tuple[str, ...]:
        found = glob(pattern, root_dir=self.root)  # noqa: PTH207 - Path.glob would match hidden files too
        return tuple(sorted(normpath(path) for path in found))

    def has(self, path: str) -> bool:
        full = self.root / path
        return full.is_file() and os.access(full, os.R_OK)


@dataclass(frozen=True, slots=True)
class BundleSource:
    """Files by path, as read somewhere else."""

    files: Mapping[str, bytes]

    def read(self, path: str) -> bytes:
        if path not in self.files:
            raise FileNotFoundError(errno.ENOENT, "not among the files sent along")
        content = self.files[path]
        if len(content) > MAX_FILE_BYTES:
            raise OSError(errno.EFBIG, f"larger than {MAX_FILE_BYTES // 2**20} MiB")
        return content

    def glob(self, pattern: str) -> tuple[str, ...]:
        return tuple(sorted(path for path in self.files if _matches(path, pattern)))

    def has(self, path: str) -> bool:
        return path in self.files


def _matches(path: str, pattern: str) -> bool:
    parts, patterns = path.split("/"), pattern.split("/")
    return len(parts) == len(patterns) and all(
        fnmatchcase(part, wanted) and (not part.startswith(".") or wanted.startswith("."))
        for part, wanted in zip(parts, patterns, strict=True)
    )


def beside(path: str, file: str) -> str:
    """`path` as written in `file`, seen from the main file's folder."""
    return normpath(path if isabs(path) else join(dirname(file), path))


def reason(error: OSError) -> str:
    """Why a file could not be read, for people."""
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:]
