"""Cancellation that a TaskGroup swallowed.

When a child fails at the moment the parent is cancelled, CPython up to 3.12 raises only the child's error (fixed in
3.13). Whoever catches that error and goes on, as everyone who reconnects does, would never end.
"""

from __future__ import annotations

import asyncio


def check_cancelled() -> None:
    """Raise CancelledError if the running task was asked to end; to be called after catching a TaskGroup's errors."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
