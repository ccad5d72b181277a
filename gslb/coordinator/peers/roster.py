"""Which coordinators there are and which of them leads, as the store says.

Each is listed under a key that vanishes with its lease. A lease ends late, and sometimes while its owner lives: so one
that leaves the list counts for a while more, and whether a coordinator is alive its streams tell, never the list.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import aclosing, suppress
from types import MappingProxyType

from gslb.coordinator.peers.holding import hold
from gslb.core.coordinators import MAX_COORDINATORS
from gslb.core.errors import StoreUnavailable
from gslb.store.base import ELECTIONS, Listing, Store
from gslb.store.following import follow
from gslb.store.leadership import Leadership

LISTED = "coordinators/"
LEADER = "leader"
WATCHER = "watcher"
LINGER_S = 30.0
LEADERLESS_S = 30.0
"""After a leader that died the next one leads within half of it."""
_LOOK_S = 1.0
MAX_TEXT_CHARACTERS = 256

OnChange = Callable[[tuple[str, ...]], None]
"""Gets the addresses of all coordinators."""


class Roster:
    """`name`: of this coordinator. `clock` is monotonic."""

    def __init__(self, store: Store, name: str, clock: Callable[[], float]) -> None:
        self._store = store
        self._name = name
        self._clock = clock
        self._on_change: OnChange = lambda _: None
        self._address: str | None = None
        self._namesake = ""
        self._addresses: Mapping[str, str] = MappingProxyType({})
        self._gone_s: dict[str, float] = {}
        self._leader = ""
        self._leaderless_s: float | None = None
        """Since when nobody leads."""
        self._is_read = False
        self._watcher = ""

    @property
    def addresses(self) -> Mapping[str, str]:
        """By name."""
        return self._addresses

    @property
    def leader(self) -> str:
        """The name of the coordinator that leads; '' when nobody does, or nobody knows since the store is away."""
        return self._leader if self._is_read else ""

    @property
    def watcher(self) -> str:
        """The name of the coordinator that watches the first dns server of a trial; '' when none does."""
        return self._watcher

    def troubles(self) -> tuple[str, ...]:
        """What an operator should know."""
        since_s = self._leaderless_s
        for_s = self._clock() - since_s if since_s is not None and self._is_read else 0.0
        leaderless = (
            f"no coordinator leads for {for_s:.0f} s: overrides, failback and trials stay as they are"
            if for_s > LEADERLESS_S
            else ""
        )
        return tuple(text for text in (self._namesake, leaderless) if text)

    async def run(self, address: str | None, on_change: OnChange) -> None:
        """Be listed at `address`, if there is one, and tell `on_change` every new list, until cancelled."""
        self._address, self._on_change = address, on_change
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            tasks.create_task(self._forget_gone())
            if address is not None:
                tasks.create_task(hold(self._store, LISTED + self._name, address, _until_over))

    async def _follow(self) -> None:
        await self._begin()
        async with aclosing(follow(self._store, ELECTIONS, listed=self._listed)) as listings:
            async for listing in listings:
                self._take(listing)

    async def _begin(self) -> None:
        """As one member of the store has it, be it old: it can be had without a majority, and others are found by it.

        Who leads is not taken from there.
        """
        with suppress(StoreUnavailable):
            self._take_listed(await self._store.list(ELECTIONS + LISTED, stale=True))

    async def _forget_gone(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            over = {name for name, gone_s in self._gone_s.items() if self._clock() - gone_s > LINGER_S}
            if over:
                self._replace({name: found for name, found in self._addresses.items() if name not in over})

    def _listed(self, error: StoreUnavailable | None) -> None:
        self._is_read = error is None

    def _take(self, listing: Listing) -> None:
        elected = dict(_read(listing, ELECTIONS))
        self._leader, self._watcher = elected.get(LEADER, ""), elected.get(WATCHER, "")
        if self._leader:
            self._leaderless_s = None
        elif self._leaderless_s is None:
            self._leaderless_s = self._clock()
        self._take_listed(listing)

    def _take_listed(self, listing: Listing) -> None:
        found = dict(_read(listing, ELECTIONS + LISTED))
        for name in found.keys() & self._gone_s.keys():
            del self._gone_s[name]
        for name in self._addresses.keys() - found.keys():
            self._gone_s.setdefault(name, self._clock())
        self._replace({**self._addresses, **found})

    def _replace(self, addresses: Mapping[str, str]) -> None:
        """Those that are listed before those that are gone, and of all no more than nodes talk to."""
        self._gone_s = {name: gone_s for name, gone_s in self._gone_s.items() if name in addresses}
        kept = sorted(addresses, key=lambda name: (name in self._gone_s, name))[:MAX_COORDINATORS]
        self._addresses = MappingProxyType({name: addresses[name] for name in sorted(kept)})
        listed = self._addresses.get(self._name)
        self._namesake = (
            f"a coordinator '{self._name}' is listed at {listed}, this one is at {self._address} and cannot be found:"
            " give each a --name of its own"
            if None not in (listed, self._address) and listed != self._address
            else ""
        )
        self._on_change(tuple(sorted(set(self._addresses.values()))))


async def _until_over(leadership: Leadership) -> None:
    await leadership.over()


def _read(listing: Listing, prefix: str) -> list[tuple[str, str]]:
    """Names and what stands there. Others may write there too: what is no short text does not count."""
    values = ((entry.key, entry.value.decode(errors="replace")) for entry in listing.entries)
    return [
        (key.removeprefix(prefix), value)
        for key, value in values
        if key.startswith(prefix) and max(len(key), len(value)) <= MAX_TEXT_CHARACTERS
    ]
