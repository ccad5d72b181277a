"""A short list of lines that an agent keeps beside its boot number, for its next start.

Nothing depends on it that the agent does not learn again, so what cannot be read or written is said and no more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from gslb.core.errors import GslbError
from gslb.runtime.logs import get_logger
from gslb.runtime.secrets import read_unchangeable
from site_agent.saving import save

KEEP_EVERY_S = 1.0


class Notebook:
    """`what` the lines say, for the log. `file` None: nothing is kept. `most`: so many lines are recalled."""

    def __init__(self, what: str, file: Path | None, most: int) -> None:
        self._what = what
        self._file = file
        self._most = most
        self._lines: frozenset[str] = frozenset()
        self._is_new = asyncio.Event()
        self._log = get_logger("agent")

    def recall(self) -> tuple[str, ...]:
        """A file that cannot be used, or that others may change, is as none."""
        if self._file is None:
            return ()
        try:
            return tuple(read_unchangeable(self._file).decode(errors="replace").splitlines()[: self._most])
        except FileNotFoundError:
            return ()
        except (GslbError, OSError) as error:
            self._log.warning(f"{self._what}: not known from before", file=str(self._file), reason=str(error))
            return ()

    def note(self, lines: Iterable[str]) -> None:
        """All of them, to be kept soon."""
        self._lines = frozenset(lines)
        self._is_new.set()

    async def run(self) -> None:
        """Keep what is noted, off the path of reports and at most once a second, until cancelled."""
        while True:
            await self._is_new.wait()
            self._is_new.clear()
            if self._file is not None:
                await self._keep(self._file, "".join(f"{line}\n" for line in sorted(self._lines)))
            await asyncio.sleep(KEEP_EVERY_S)

    async def _keep(self, file: Path, text: str) -> None:
        try:
            await asyncio.to_thread(save, file, text)
        except OSError as error:
            self._log.warning(f"{self._what}: not kept", file=str(file), reason=str(error))
