"""The side of the dns server that starts: it has the folder for itself, or takes over from the one that serves."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from dns_server.handover.folder import Folder
from dns_server.handover.line import Line, LineLost, Word, new_socket
from gslb.core.errors import GslbError
from gslb.core.order import Order
from gslb.runtime.clock import monotonic_s
from gslb.runtime.logs import get_logger

PATIENCE_S = 10.0
"""With one that does not answer: it may be writing its files to a slow disk, which it waits for 2 s each."""
_LOOK_AGAIN_S = 0.05
_CATCH_UPS = 5


class FolderInUse(GslbError):
    """Two dns servers with one folder would overwrite each other's files."""

    code = "folder-in-use"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} is in use by another dns server that runs: stop that one, give this one another --data, "
            "or let it carry on that one's work with `gslb dns --take-over`"
        )


class CannotTakeOver(GslbError):
    """The dns server that runs goes on."""

    code = "cannot-take-over"


class Predecessor:
    """The dns server that serves so far."""

    def __init__(self, line: Line, folder: Folder) -> None:
        self._line = line
        self._folder = folder
        self._log = get_logger("dns")

    async def sockets(self, catch_up: Callable[[], Awaitable[None]], known: Callable[[], Order]) -> list[socket.socket]:
        """Its listening sockets, once we know all that it does; none when it ended meanwhile, and left us the folder.

        `catch_up` reads what it has saved, to which `known` rises. Raises CannotTakeOver.
        """
        self._log.info("taking over", process=self._line.peer()[0])
        try:
            await self._catch_up(catch_up, known)
            return await self._take()
        except (LineLost, TimeoutError) as error:
            if not self._folder.lock():
                raise CannotTakeOver(self._why(error)) from None
            await catch_up()
            return []

    def _why(self, error: LineLost | TimeoutError) -> str:
        if isinstance(error, LineLost):
            return f"the dns server that runs did not hand over, and goes on: {error}"
        process, _ = self._line.peer()
        return (
            f"the dns server that runs, process {process}, has said nothing for {PATIENCE_S:.0f} s:"
            f" if it hangs, end it with `kill -9 {process}` and start this one again; it was not touched"
        )

    async def let_go(self) -> None:
        """We serve: return when it has written its files for the last time, or is gone."""
        try:
            self._line.say(Word.SERVING)
            await self._line.expect(Word.YOURS, PATIENCE_S)
        except (LineLost, TimeoutError) as error:
            self._log.warning("the dns server before this one ended without a word", error=str(error))

    async def _catch_up(self, catch_up: Callable[[], Awaitable[None]], known: Callable[[], Order]) -> None:
        """What takes long, a new snapshot, must not be the last thing read."""
        for _ in range(_CATCH_UPS):
            self._line.say(Word.SAVE)
            order, _ = await self._line.expect(Word.SAVED, PATIENCE_S)
            had = str(known())
            await catch_up()
            if had == order:
                return
        raise CannotTakeOver(
            f"the dns server that runs serves {order}, but {known()} is what could be loaded from its files: "
            "the logs of both say why; it goes on"
        )

    async def _take(self) -> list[socket.socket]:
        self._line.say(Word.SOCKETS)
        _, descriptors = await self._line.expect(Word.FOLDER, PATIENCE_S)
        taken: list[socket.socket] = []
        try:
            while (heard := await self._line.expect(Word.SOCKETS, PATIENCE_S))[0] != "0":
                taken += (socket.socket(fileno=descriptor) for descriptor in heard[1])
        except BaseException:
            _close(descriptors, taken)
            raise
        self._folder.share(*descriptors)
        return taken


def _close(descriptors: Iterable[int], sockets: Iterable[socket.socket]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
    for each in sockets:
        each.close()


@asynccontextmanager
async def claimed(path: Path, *, take_over: bool) -> AsyncIterator[tuple[Folder, Predecessor | None]]:
    """The folder, ours, or our predecessor's who is ready to hand over. Raises OSError, FolderInUse, CannotTakeOver."""
    folder = Folder(path)
    line = None
    try:
        if not folder.lock():
            if not take_over:
                raise FolderInUse(path)
            line = await _reach(folder)
        yield folder, Predecessor(line, folder) if line else None
    finally:
        if line:
            line.close()
        folder.close()


async def _reach(folder: Folder) -> Line | None:
    """None when it has ended meanwhile. It may be about to start or to end, so look more than once."""
    deadline_s = monotonic_s() + PATIENCE_S
    while not folder.lock():
        connecting = new_socket()
        try:
            connecting.connect(folder.door)
        except OSError as error:
            connecting.close()
            if monotonic_s() > deadline_s:
                raise CannotTakeOver(
                    f"{folder.path} is in use by a dns server that does not hand over ({error.strerror}), "
                    "as one within `gslb up`: stop it first"
                ) from None
            await asyncio.sleep(_LOOK_AGAIN_S)
        else:
            return Line(connecting)
    return None
