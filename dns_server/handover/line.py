"""What two dns servers say to each other on a UNIX socket while one takes over: words, an order, descriptors.

```
 new                        old, serving all the time
 save            ------->   writes what waits to be written
                 <-------   saved 1.7.3      the order that it serves
 sockets         ------->
                 <-------   folder           with its lock
                 <-------   sockets 100      with so many descriptors, until
                 <-------   sockets 0
 serving         ------->   receives no more
                 <-------   yours            the files, and the address of its metrics
                            answers what it received, and ends
```
Until `serving` nothing has changed for the old one, whatever becomes of the new.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Sequence
from enum import StrEnum

from gslb.core.errors import GslbError

_LONGEST_BYTES = 1024
_DESCRIPTORS_A_MESSAGE = 100
"""The kernel takes 253."""
_CREDENTIALS = struct.Struct("iII")


class Word(StrEnum):
    SAVE = "save"
    SAVED = "saved"
    SOCKETS = "sockets"
    FOLDER = "folder"
    SERVING = "serving"
    YOURS = "yours"


class LineLost(GslbError):
    """The other process is gone, or does not keep to the words."""

    code = "line-lost"


def new_socket() -> socket.socket:
    """Does not block; keeps messages apart."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    made.setblocking(False)
    return made


class Line:
    """A connected socket. What cannot be said or heard raises LineLost or TimeoutError."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected

    def close(self) -> None:
        self._socket.close()

    def peer(self) -> tuple[int, int]:
        """Process and user at the other end, as the kernel knows them."""
        said = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        process, user, _ = _CREDENTIALS.unpack(said)
        return process, user

    def say(self, word: Word, rest: object = "", descriptors: Sequence[int] = ()) -> None:
        """Messages are few and short: they fit what the kernel keeps for the other side."""
        try:
            socket.send_fds(self._socket, [f"{word} {rest}".encode()], descriptors)
        except OSError as error:
            raise LineLost(f"'{word}' could not be said: {error.strerror}") from None

    def pass_on(self, descriptors: Sequence[int]) -> None:
        """As many messages as it takes."""
        for at in range(0, len(descriptors), _DESCRIPTORS_A_MESSAGE):
            some = descriptors[at : at + _DESCRIPTORS_A_MESSAGE]
            self.say(Word.SOCKETS, len(some), some)
        self.say(Word.SOCKETS, 0)

    async def hear(self, within_s: float) -> tuple[str, str, list[int]]:
        """A word, what follows it, and descriptors, which belong to the caller."""
        async with asyncio.timeout(within_s):
            await self._readable()
        try:
            message, descriptors, flags, _ = socket.recv_fds(self._socket, _LONGEST_BYTES, _DESCRIPTORS_A_MESSAGE)
        except OSError as error:
            raise LineLost(f"nothing more is heard: {error.strerror}") from None
        if not message or flags & (socket.MSG_CTRUNC | socket.MSG_TRUNC):
            _close(descriptors)
            raise LineLost("the other process is gone" if not message else "a message was cut off")
        word, _, rest = message.decode(errors="replace").partition(" ")
        return word, rest, descriptors

    async def expect(self, word: Word, within_s: float) -> tuple[str, list[int]]:
        """What follows this word, and descriptors, which belong to the caller."""
        heard, rest, descriptors = await self.hear(within_s)
        if heard != word:
            _close(descriptors)
            raise LineLost(f"it says '{heard}' instead of '{word}'")
        return rest, descriptors

    async def _readable(self) -> None:
        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._socket, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self._socket)


def _close(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
