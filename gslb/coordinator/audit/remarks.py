"""Entries about what changed nothing: attempts that were refused, copies that were taken. Never a flood of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gslb.coordinator.audit.entry import Entry, Note
from gslb.coordinator.audit.journal import Journal
from gslb.coordinator.metrics import Metrics
from gslb.core.errors import GslbError
from gslb.core.order import Order
from gslb.runtime.logs import get_logger

MAX_WAITING = 100
EVERY_S = 0.2
"""At most five a second; a burst waits, what does not fit is counted."""


class Remarks:
    """`order`: in force now. `wall_clock`: Unix seconds."""

    def __init__(
        self, journal: Journal, metrics: Metrics, order: Callable[[], Order], wall_clock: Callable[[], int]
    ) -> None:
        self._journal = journal
        self._metrics = metrics
        self._order = order
        self._wall_clock = wall_clock
        self._waiting: asyncio.Queue[Entry] = asyncio.Queue(MAX_WAITING)
        self._log = get_logger("coordinator")

    def refused(self, note: Note, why: str) -> None:
        """Never waits."""
        self._put(note.refused(self._wall_clock(), self._order(), why))

    def done(self, note: Note) -> None:
        """Never waits."""
        order = self._order()
        self._put(note.done(self._wall_clock(), order, order))

    def _put(self, entry: Entry) -> None:
        try:
            self._waiting.put_nowait(entry)
        except asyncio.QueueFull:
            self._metrics.audit_dropped.inc()

    async def run(self) -> None:
        """Write what was noted, one after the other, until cancelled."""
        while True:
            entry = await self._waiting.get()
            try:
                await self._journal.write(entry)
            except GslbError as error:
                self._metrics.audit_dropped.inc()
                self._log.warning("not in the audit trail", who=entry.who, action=entry.action, reason=str(error))
            await asyncio.sleep(EVERY_S)
