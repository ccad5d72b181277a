"""What clients ask for, told to the coordinators: taken from the engine once a second, given to every stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dns_server.engines.base import Asked
from gslb.api.v1 import discovery_pb2 as pb
from gslb.codec.facts import dump_order

EVERY_S = 1.0
MAX_WAITING = 8
"""Messages that wait for one stream: longer than it may take to write one before it is given up."""


class Demand:
    """`take`: what was asked since the last call."""

    def __init__(self, take: Callable[[], Asked]) -> None:
        self._take = take
        self._waiting: set[asyncio.Queue[pb.Demand]] = set()
        self.named = 0
        """Answers told with their service and class."""
        self.rest = 0
        """Answers told without."""
        self.dropped = 0
        """Messages that a stream was too slow for."""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            self.tell()

    def tell(self) -> None:
        """Hand what is new to all streams."""
        asked = self._take()
        self.named += sum(count for *_, count in asked.most)
        self.rest += asked.rest
        message = _dump(asked)
        for queue in self._waiting:
            if queue.full():
                queue.get_nowait()
                self.dropped += 1
            queue.put_nowait(message)

    @contextmanager
    def heard(self) -> Iterator[asyncio.Queue[pb.Demand]]:
        """A stream's queue, which gets all that is told while the context lasts."""
        queue: asyncio.Queue[pb.Demand] = asyncio.Queue(MAX_WAITING)
        self._waiting.add(queue)
        try:
            yield queue
        finally:
            self._waiting.discard(queue)


def _dump(asked: Asked) -> pb.Demand:
    services, classes, answers = zip(*asked.most, strict=True) if asked.most else ((), (), ())
    return pb.Demand(
        order=dump_order(asked.order), services=services, classes=classes, answers=answers, rest=asked.rest
    )
