"""The side of the dns server that serves: it hands over to whoever asks for it and may."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dns_server.handover.folder import Folder
from dns_server.handover.line import Line, LineLost, Word, new_socket
from gslb.core.order import Order
from gslb.runtime.logs import get_logger
from gslb.runtime.supervise import keep_running

PATIENCE_S = 120.0
"""With one that says nothing: it may be loading a large snapshot. Meanwhile we serve, and others may ask too."""
TALKS = 4
"""At the same time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estate:
    """What is handed over. `save`: writes what waits to be written. `order`: of what serves."""

    folder: Folder
    sockets: Callable[[], Sequence[int]]
    save: Callable[[], Awaitable[None]]
    order: Callable[[], Order]


class Taken:
    """Whether another process serves in our place. `line`: to that one."""

    def __init__(self) -> None:
        self.line: Line | None = None
        self._event = asyncio.Event()

    def by(self, line: Line) -> None:
        """The first one counts."""
        if self.line is None:
            self.line = line
            self._event.set()

    async def wait(self) -> None:
        await self._event.wait()


@asynccontextmanager
async def open_door(estate: Estate) -> AsyncIterator[Taken]:
    """Hand over once somebody asks for it. When the context ends after that, all is theirs, but for what drains."""
    taken = Taken()
    listener = _listen(estate.folder)
    accepting = asyncio.create_task(keep_running("door", partial(_accept, listener, estate, taken)))
    try:
        yield taken
    finally:
        accepting.cancel()
        with suppress(asyncio.CancelledError):
            await accepting
        _close(listener, estate.folder)
        if taken.line is not None:
            estate.folder.close()  # not only when we have drained: if they crash, others must be able to start
            with suppress(LineLost):
                taken.line.say(Word.YOURS)
            taken.line.close()


def is_allowed(user: int) -> bool:
    """Whoever could stop us and read our files anyway."""
    return user in (0, os.geteuid())


def _listen(folder: Folder) -> socket.socket | None:
    """None where the disk does not let us: then nobody can take over, but answering goes on."""
    listener = new_socket()
    try:
        Path(folder.door).unlink(missing_ok=True)  # of one that was killed: the lock is ours
        os.fchmod(listener.fileno(), 0o600)  # before it has a name
        listener.bind(folder.door)
        listener.listen(TALKS)
    except OSError as error:
        listener.close()
        get_logger("dns").warning("nobody can take over", folder=str(folder.path), error=str(error))
        return None
    return listener


def _close(listener: socket.socket | None, folder: Folder) -> None:
    if listener is not None:
        listener.close()
        with suppress(OSError):
            Path(folder.door).unlink(missing_ok=True)


async def _accept(listener: socket.socket | None, estate: Estate, taken: Taken) -> None:
    if listener is None:
        await asyncio.Event().wait()
        return
    slots = asyncio.Semaphore(TALKS)
    async with asyncio.TaskGroup() as talks:
        while True:
            await slots.acquire()
            connected, _ = await asyncio.get_running_loop().sock_accept(listener)
            line = Line(connected)
            talk = talks.create_task(_talk(line, estate, taken))
            talk.add_done_callback(partial(_end, line, taken, slots))


def _end(line: Line, taken: Taken, slots: asyncio.Semaphore, _: asyncio.Task[None]) -> None:
    """However the talk ended, or if it never began."""
    slots.release()
    if taken.line is not line:
        line.close()


async def _talk(line: Line, estate: Estate, taken: Taken) -> None:
    """With one process that wants to take over; until it serves, or does not."""
    log = get_logger("dns")
    process, user = line.peer()
    try:
        if not is_allowed(user):
            log.warning("hand-over refused", process=process, user=user)
            return
        await _until_serving(line, estate)
        log.info("another process serves", process=process)
        taken.by(line)
    except (LineLost, TimeoutError) as error:
        log.warning("hand-over given up, serving on", process=process, error=str(error) or "it says nothing")


async def _until_serving(line: Line, estate: Estate) -> None:
    passed = False
    while True:
        word, _, _ = await line.hear(PATIENCE_S)
        match word:
            case Word.SAVE:
                await estate.save()
                line.say(Word.SAVED, estate.order())
            case Word.SOCKETS:
                line.say(Word.FOLDER, descriptors=(estate.folder.descriptor,))
                line.pass_on(estate.sockets())
                passed = True
            case Word.SERVING if passed:
                return
            case _:
                raise LineLost(f"it says '{word[:20]}'")
