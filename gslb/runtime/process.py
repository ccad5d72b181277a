"""How a process of ours runs: one main task, ended by Ctrl-C or SIGTERM, with its exit code."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Coroutine

END_WITHIN_S = 1.5
"""After a signal. Then threads that still work are left behind: what was acknowledged survives even SIGKILL."""

SWITCH_S = 0.0005
"""How long a thread that computes may keep the event loop waiting, each time; ten times less than usual."""


def run(main: Coroutine[object, object, None]) -> int:
    """Run `main` until it returns or a signal asks it to end; a second signal ends the process at once.

    Returns the exit code: 0 also when a signal ended it, which is the ordinary way for a server. Of errors that task
    groups have gathered the first one is raised.
    """
    sys.setswitchinterval(SWITCH_S)
    try:
        return asyncio.run(_until_signal(main))
    except BaseExceptionGroup as group:
        raise _first(group) from group


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


def _end_anyway() -> None:
    """In a thread, since the event loop is over before the last threads are."""
    timer = threading.Timer(END_WITHIN_S, os._exit, args=(0,))
    timer.daemon = True
    timer.start()


async def _until_signal(main: Coroutine[object, object, None]) -> int:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(main)
    asked = False

    def stop() -> None:
        nonlocal asked
        if asked:
            os._exit(130)
        asked = True
        task.cancel()
        _end_anyway()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        await task
    except asyncio.CancelledError:
        if not asked:
            raise
    return 0
