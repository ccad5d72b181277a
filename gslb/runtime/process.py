"""How a process of ours runs: one main task, ended by Ctrl-C or SIGTERM, with its exit code."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine


def run(main: Coroutine[object, object, None]) -> int:
    """Run `main` until it returns or a signal asks it to end; a second signal ends the process at once.

    Returns the exit code: 0 also when a signal ended it, which is the ordinary way for a server. Of errors that task
    groups have gathered the first one is raised.
    """
    try:
        return asyncio.run(_until_signal(main))
    except BaseExceptionGroup as group:
        raise _first(group) from group


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


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

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        await task
    except asyncio.CancelledError:
        if not asked:
            raise
    return 0
