"""The one place where time comes from. Durations are monotonic; wall-clock time is for people."""

from __future__ import annotations

import os
import time
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def monotonic_s() -> float:
    """Seconds that never step, for every duration and deadline."""
    return time.monotonic()


def wall_unix_s() -> int:
    """Unix time in whole seconds, for display and for the end of overrides. GSLB_WALL_OFFSET_S shifts it, for tests."""
    return int(time.time()) + wall_offset_s()


def monotonic_ms() -> int:
    """The same in whole milliseconds, as the health machine and schedules count."""
    return time.monotonic_ns() // 1_000_000


def machine_start() -> str:
    """Names the start of this machine since which monotonic times count, for all its processes; empty = not known."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


def wall_unix_ms() -> int:
    """Unix time in milliseconds, for numbers that must rise from one start of a process to the next."""
    return time.time_ns() // 1_000_000 + wall_offset_s() * 1000


def wall_offset_s() -> int:
    """What GSLB_WALL_OFFSET_S says: seconds, or `@FILE`, which holds them and may change meanwhile."""
    said = os.environ.get("GSLB_WALL_OFFSET_S", "0")
    return int(said) if not said.startswith("@") else _read(Path(said[1:]))


def _read(file: Path) -> int:
    """0 while there is none."""
    try:
        return int(file.read_text())
    except FileNotFoundError:
        return 0
