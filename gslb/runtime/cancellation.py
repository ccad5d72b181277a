"""Two ways in which cancellation is not what it seems, found out by asking whether this task was asked to end.

A TaskGroup whose child fails at the moment the parent is cancelled raises only the child's error up to CPython 3.12:
whoever catches that and goes on, as everyone who reconnects does, would never end. And grpc.aio raises CancelledError
from a call that was cancelled elsewhere: whoever lets that pass ends although nobody asked for it.
"""

from __future__ import annotations

import asyncio


def check_cancelled() -> None:
    """Raise CancelledError if the running task was asked to end, else return."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
