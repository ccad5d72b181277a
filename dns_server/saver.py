"""Saves what is served, off the serving path: at most one round of writing a second, only the newest of each kind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Lock

from dns_server.files import Files, Kind

EVERY_S = 1.0

Dump = Callable[[], bytes]
"""Makes the bytes, in the writing thread."""


class Saver:
    """What waits to be written. Writing happens in a thread, one round at a time; the last one where `run` ends."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._waiting: dict[Kind, Dump] = {}
        self._filled = asyncio.Event()
        self._writing = Lock()

    def put(self, kind: Kind, dump: Dump) -> None:
        """Let this be saved soon, instead of what waited."""
        self._waiting[kind] = dump
        self._filled.set()

    def forget(self) -> None:
        """Nothing waits: what is there came from the files."""
        self._waiting.clear()

    async def run(self) -> None:
        """Write until cancelled, then write what still waits."""
        try:
            while True:
                await self._filled.wait()
                self._filled.clear()
                await asyncio.to_thread(self._write)
                await asyncio.sleep(EVERY_S)
        finally:
            self._write()

    def _write(self) -> None:
        with self._writing:
            for kind in Kind:
                dump = self._waiting.pop(kind, None)
                if dump is not None:
                    self._files.save(kind, dump())
