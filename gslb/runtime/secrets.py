"""Secrets come from files that others cannot read."""

from __future__ import annotations

import stat
from pathlib import Path

from gslb.core.errors import GslbError


class ExposedSecret(GslbError):
    """Others may read a file that holds a secret."""

    code = "exposed-secret"


def read_secret(path: Path) -> bytes:
    """Raises ExposedSecret, OSError."""
    if path.stat().st_mode & stat.S_IRWXO:
        raise ExposedSecret(f"others may read {path}: chmod o-rwx it")
    return path.read_bytes()
