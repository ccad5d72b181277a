"""Cancellation that is not what it seems, sorted out for those who go on after errors, as everyone who reconnects does.

- A TaskGroup whose child fails at the moment its task is cancelled raises only the child's error (up to CPython 3.12):
  whoever catches that and goes on would never end.
- A TaskGroup whose child fails while its task waits at the group's end leaves the task marked as cancelled (CPython
  3.11), although nobody asked for that.
- grpc.aio raises CancelledError from a call that was cancelled elsewhere: whoever lets that pass ends unasked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

from gslb.core.errors import GslbError

Result = TypeVar("Result")


class CancelledElsewhere(GslbError):
    """The work was cancelled by somebody else than the one who waits for it."""

    code = "cancelled-elsewhere"


async def alone(work: Coroutine[object, object, Result]) -> Result:
    """Do `work` in a task of its own, so that what happens in it leaves no mark on this one.

    Raises what it raises; CancelledError only if this task was asked to end, and then whatever the work makes of that;
    CancelledElsewhere if the work was cancelled by others.
    """
    try:
        return await asyncio.ensure_future(work)
    except asyncio.CancelledError:
        check_cancelled()
        raise CancelledElsewhere("cancelled by nobody here") from None
    except BaseException:
        check_cancelled()
        raise


def check_cancelled() -> None:
    """Raise CancelledError if the running task was asked to end, else return. Only true in tasks without TaskGroups."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
