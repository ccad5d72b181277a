"""The one place where time comes from. Durations are monotonic; wall-clock time is for people."""

from __future__ import annotations

import os
import time


def monotonic_s() -> float:
    """Seconds that never step, for every duration and deadline."""
    return time.monotonic()


def wall_unix_s() -> int:
    """Unix time in whole seconds, for display and for the end of overrides. GSLB_WALL_OFFSET_S shifts it, for tests."""
    return int(time.time() + float(os.environ.get("GSLB_WALL_OFFSET_S", "0")))
