"""What each server is given to make its configuration from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.dns.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """`folder`: the server's own, which exists; `root`: where Debian's packages are unpacked."""

    world: World
    folder: Path
    database: Path
    port: int
    root: Path
