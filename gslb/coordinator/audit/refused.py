"""Changes that were refused: into the trail too, but never so many that they would flood the store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gslb.coordinator.audit.entry import Note
from gslb.coordinator.audit.journal import Journal
from gslb.coordinator.metrics import Metrics
from gslb.core.errors import GslbError
from gslb.core.order import Order
from gslb.runtime.logs import get_logger

MAX_WAITING = 100
EVERY_S = 0.2
"""At most five a second; a burst waits, what does not fit is counted."""


class RefusedChanges:
    """`order`: in force now. `wall_clock`: Unix seconds."""

    def __init__(
        self, journal: Journal, metrics: Metrics, order: Callable[[], Order], wall_clock: Callable[[], int]
    ) -> None:
        self._journal = journal
        self._metrics = metrics
        self._order = order
        self._wall_clock = wall_clock
        self._waiting: asyncio.Queue[tuple[Note, str, int]] = asyncio.Queue(MAX_WAITING)
        self._log = get_logger("coordinator")

    def note(self, note: Note, why: str) -> None:
        """Never waits."""
        try:
            self._waiting.put_nowait((note, why, self._wall_clock()))
        except asyncio.QueueFull:
            self._metrics.audit_dropped.inc()

    async def run(self) -> None:
        """Write what was noted, one after the other, until cancelled."""
        while True:
            note, why, now_s = await self._waiting.get()
            try:
                await self._journal.write(note.refused(now_s, self._order(), why))
            except GslbError as error:
                self._metrics.audit_dropped.inc()
                self._log.warning("refused change not in the audit trail", who=note.who, reason=str(error))
            await asyncio.sleep(EVERY_S)
