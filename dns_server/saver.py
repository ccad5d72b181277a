"""Saves what is served, off the serving path: only the newest of each kind, facts at most once a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Lock

from dns_server.files import Files, Kind

PAUSES_S = {Kind.SNAPSHOT: 0.0, Kind.DIRECTIVES: 0.0, Kind.FACTS: 1.0, Kind.COORDINATORS: 1.0}
PATIENCE_S = 2.0

Dump = Callable[[], tuple[bytes, ...]]
"""Makes the bytes, in the writing thread: what follows each other in the file, so that nothing large is copied."""


class Saver:
    """What waits to be written. Writing happens in threads, one file at a time; the last one where `run` ends."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._waiting: dict[Kind, Dump] = {}
        self._filled = {kind: asyncio.Event() for kind in Kind}
        self._writing = Lock()

    def put(self, kind: Kind, dump: Dump) -> None:
        """Let this be saved soon, instead of what waited."""
        self._waiting[kind] = dump
        self._filled[kind].set()

    async def put_now(self, kind: Kind, dump: Dump) -> None:
        """Save this before going on; a disk that hangs is waited for only so long."""
        self._waiting[kind] = dump
        await self._write_patiently(kind)

    async def flush(self) -> None:
        """Save what waits now, all of it, as `put_now` does."""
        for kind in Kind:
            await self._write_patiently(kind)

    async def _write_patiently(self, kind: Kind) -> None:
        writing = asyncio.ensure_future(asyncio.to_thread(self._write, kind))
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.shield(writing)

    def forget(self) -> None:
        """Nothing waits: what is there came from the files."""
        self._waiting.clear()

    async def run(self) -> None:
        """Write until cancelled, then write what still waits."""
        async with asyncio.TaskGroup() as tasks:
            for kind in Kind:
                tasks.create_task(self._keep_writing(kind))

    async def _keep_writing(self, kind: Kind) -> None:
        try:
            while True:
                await self._filled[kind].wait()
                self._filled[kind].clear()
                await asyncio.to_thread(self._write, kind)
                await asyncio.sleep(PAUSES_S[kind])
        finally:
            self._write(kind)

    def _write(self, kind: Kind) -> None:
        with self._writing:
            dump = self._waiting.pop(kind, None)
            if dump is not None:
                self._files.save(kind, *dump())
