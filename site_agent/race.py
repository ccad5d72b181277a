"""The same thing tried several times, a little apart: the first that decides counts.

Packets get lost, and TCP takes a second to repeat the first of a connection: as long as a probe may take. A second try
of our own has its own luck, so that a bad path is not taken for a dead server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TypeVar

Outcome = TypeVar("Outcome")


async def first_of(
    tries: int,
    apart_s: float,
    attempt: Callable[[], Coroutine[None, None, Outcome]],
    *,
    decides: Callable[[Outcome], bool],
    drop: Callable[[Outcome], None],
) -> Outcome:
    """The first outcome that decides, else that of the first try; an exception always decides.

    The caller owns the time-out. The next try begins after `apart_s` without a decision. Tries that are still under way
    at the end are cancelled; what others brought is given to `drop`.
    """
    tasks: list[asyncio.Task[Outcome]] = []
    chosen: asyncio.Task[Outcome] | None = None
    try:
        waiting: set[asyncio.Task[Outcome]] = set()
        while chosen is None:
            if len(tasks) < tries:
                tasks.append(asyncio.create_task(attempt()))
                waiting.add(tasks[-1])
            patience_s = apart_s if len(tasks) < tries else None
            done, waiting = await asyncio.wait(waiting, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
            deciding = [task for task in done if task.exception() is not None or decides(task.result())]
            is_over = not waiting and len(tasks) == tries
            chosen = next(iter(deciding or (tasks[:1] if is_over else ())), None)
        return chosen.result()
    finally:
        await _clear([task for task in tasks if task is not chosen], drop)


async def _clear(tasks: list[asyncio.Task[Outcome]], drop: Callable[[Outcome], None]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled() and task.exception() is None:
            drop(task.result())
