"""A look at oneself from outside: zones' SOA records, asked for over UDP and TCP where clients ask.

Done when another snapshot serves, then at those zones first that are others than before, and every ten seconds at the
next ones; again at once when an answer was wrong. Takes nothing out of service by itself: coordinators are told, and
let no other dns server have what did not do well here.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing

from dns_server.asking import OverTcp, OverUdp, trouble_of
from dns_server.replica import Replica
from gslb.core.model import Model
from gslb.core.names import Name
from gslb.core.order import Order
from gslb.core.snapshot import Snapshot
from gslb.runtime.addresses import SocketAddress
from gslb.runtime.logs import get_logger

LOOK_S = 0.5
EVERY_S = 10.0
ZONES = 100
"""A look asks for no more."""
LONGEST_S = 5.0
"""After so long a look goes on to no further zone."""
_PART_OF_LIMIT = 10
"""A look takes no more than this part of what clients of one prefix get in a second, so that it limits nobody."""


class SelfQuery:
    """`clock` is monotonic."""

    def __init__(self, replica: Replica, clock: Callable[[], float]) -> None:
        self._replica = replica
        self._clock = clock
        self._asked_s = -math.inf
        self._serials: Mapping[Name, int] = {}
        """Of the snapshot that the last look was at."""
        self._round: Round | None = None
        self.asked = Order()
        """Of that snapshot."""
        self.trouble = ""
        """What was wrong then; '' = nothing."""
        self.failed = 0

    async def follow(self, listen: Sequence[SocketAddress]) -> None:
        """Until cancelled. `listen`: where clients ask."""
        while True:
            snapshot = self._replica.snapshot
            if snapshot is not None and self._is_due(snapshot.order):
                await self._look(snapshot, listen)
            await asyncio.sleep(LOOK_S)

    def _is_due(self, order: Order) -> bool:
        return order != self.asked or bool(self.trouble) or self._clock() - self._asked_s >= EVERY_S

    async def _look(self, snapshot: Snapshot, listen: Sequence[SocketAddress]) -> None:
        trouble = await asyncio.to_thread(self._ask, snapshot, listen)
        if self._replica.snapshot is snapshot:  # else the answers may be of either
            self._conclude(snapshot, trouble)

    def _ask(self, snapshot: Snapshot, listen: Sequence[SocketAddress]) -> str:
        """What is wrong with an answer there; '' = nothing. Blocking."""
        if self._round is None or self._round.snapshot is not snapshot:
            self._round = Round(snapshot, self._serials)
        end_s = self._clock() + LONGEST_S
        with ExitStack() as stack:
            ways = [stack.enter_context(closing(way(address))) for address in listen for way in (OverUdp, OverTcp)]
            for apex in self._round.turn(_most(snapshot.model)):
                if self._clock() > end_s:
                    break
                for way in ways:
                    if trouble := trouble_of(way, apex, snapshot.serials[apex]):
                        return trouble
        return ""

    def _conclude(self, snapshot: Snapshot, trouble: str) -> None:
        self.failed += bool(trouble)
        if trouble and not self.trouble:
            get_logger("dns").error("wrong answers to itself", order=str(snapshot.order), reason=trouble)
        self.asked, self.trouble, self._asked_s = snapshot.order, trouble, self._clock()
        self._serials = snapshot.serials


class Round:
    """The zones of a snapshot in the order in which they are asked for, round and round."""

    def __init__(self, snapshot: Snapshot, before: Mapping[Name, int]) -> None:
        """`before`: serials of the snapshot before; zones that are others since come first."""
        self.snapshot = snapshot
        serials = snapshot.serials
        self._waiting = deque(sorted(serials, key=lambda apex: serials[apex] == before.get(apex)))

    def turn(self, most: int) -> Iterator[Name]:
        """The next ones, each once; the one at which the caller stops is the first of the next turn."""
        for _ in range(min(most, len(self._waiting))):
            yield self._waiting[0]
            self._waiting.rotate(-1)


def _most(model: Model) -> int:
    limits = model.dns.rate_limit
    return ZONES if limits is None else max(1, min(ZONES, limits.client // _PART_OF_LIMIT))
