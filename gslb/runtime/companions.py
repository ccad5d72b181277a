"""A stream to each coordinator there is: the streams tell of others, and those come and go with what is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator

from gslb.core.coordinators import MAX_COORDINATORS, Known
from gslb.runtime.addresses import SocketAddress
from gslb.runtime.supervise import keep_running


class Companions:
    """`follow(address)` runs for each, again and again, until it is one no more. `on_change` hears of a new list."""

    def __init__(
        self,
        name: str,
        known: Known,
        follow: Callable[[str], Coroutine[object, object, None]],
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._name = name
        self._known = known
        self._follow = follow
        self._on_change = on_change
        self._changed = asyncio.Event()

    @property
    def known(self) -> Known:
        return self._known

    def tell(self, by: str, addresses: Iterable[str]) -> None:
        """What the coordinator at `by` says; addresses that cannot be ones do not count."""
        self._update(lambda: self._known.tell(by, _valid(addresses)))

    def lose(self, by: str) -> None:
        """The stream to the coordinator at `by` has ended."""
        self._update(lambda: self._known.lose(by))

    async def run(self) -> None:
        """Until cancelled."""
        running: dict[str, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._changed.clear()
                wanted = self._known.addresses
                for address in running.keys() - set(wanted):
                    running.pop(address).cancel()
                for address in wanted:
                    if address not in running:
                        running[address] = tasks.create_task(self._keep(address), name=f"{self._name} {address}")
                await self._changed.wait()

    async def _keep(self, address: str) -> None:
        await keep_running(f"{self._name} {address}", lambda: self._follow(address))

    def _update(self, change: Callable[[], None]) -> None:
        before = self._known.addresses
        change()
        if before != self._known.addresses:
            self._changed.set()
            self._on_change()


def _valid(addresses: Iterable[str]) -> Iterator[str]:
    for _, address in zip(range(MAX_COORDINATORS), addresses, strict=False):
        try:
            yield str(SocketAddress.parse(address))
        except ValueError:
            continue
