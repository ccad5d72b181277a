"""Where coordinators were said to be, kept beside the boot number.

So an agent that starts while all those are down that it was given finds the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path

from gslb.core.coordinators import MAX_COORDINATORS
from gslb.core.errors import GslbError
from gslb.runtime.addresses import SocketAddress
from gslb.runtime.logs import get_logger
from gslb.runtime.secrets import read_unchangeable
from site_agent.saving import save


class Acquaintances:
    """`file` None: nothing is kept."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._learnt: frozenset[str] = frozenset()
        self._is_new = asyncio.Event()
        self._log = get_logger("agent")

    def recall(self) -> tuple[str, ...]:
        """At most as many as an agent talks to; a file that cannot be used is said, and as none."""
        if self._file is None:
            return ()
        try:
            return tuple(_addresses(read_unchangeable(self._file)))
        except FileNotFoundError:
            return ()
        except (GslbError, OSError) as error:
            self._log.warning("where coordinators were is not known", file=str(self._file), reason=str(error))
            return ()

    def note(self, learnt: Iterable[str]) -> None:
        """To be kept soon."""
        self._learnt = frozenset(learnt)
        self._is_new.set()

    async def run(self) -> None:
        """Keep what is noted, off the path of reports, until cancelled."""
        while True:
            await self._is_new.wait()
            self._is_new.clear()
            if self._file is not None:
                await self._keep(self._file, "".join(f"{address}\n" for address in sorted(self._learnt)))

    async def _keep(self, file: Path, text: str) -> None:
        try:
            await asyncio.to_thread(save, file, text)
        except OSError as error:
            self._log.warning("where coordinators are is not kept", file=str(file), reason=str(error))


def _addresses(content: bytes) -> Iterator[str]:
    for line in content.decode(errors="replace").splitlines()[:MAX_COORDINATORS]:
        try:
            yield str(SocketAddress.parse(line))
        except ValueError:
            continue
