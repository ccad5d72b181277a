"""What lies below a prefix, kept up to date: a watch says at once what changes, a list every 10 s says what is true.

A watch is a hint: it may hang, lag or have been compacted away. Nothing older than what was seen is ever given again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing

from gslb.core.errors import StoreUnavailable
from gslb.runtime.backoff import Backoff
from gslb.store.base import Compacted, Entry, Event, Listing, Store

RELIST_S = 10.0
_RETRY_S = 2.0


def ignore(_: StoreUnavailable | None) -> None:
    """Whether the store can be read is of no interest."""


async def follow(
    store: Store,
    prefix: str,
    *,
    relist_s: float = RELIST_S,
    listed: Callable[[StoreUnavailable | None], None] = ignore,
) -> AsyncGenerator[Listing, None]:
    """What there is, at first and after every change, until closed. `listed` hears how each list went.

    While the store cannot be read nothing comes; then what it holds by then. A watch that ends early is waited for
    too: one that a store refuses at once must not make it list all the time.
    """
    seen: Listing | None = None
    clock = asyncio.get_running_loop().time
    backoff = Backoff(most_s=_RETRY_S)
    while True:
        try:
            listing = await store.list(prefix)
        except StoreUnavailable as error:
            listed(error)
            await asyncio.sleep(backoff.delay_s())
            continue
        listed(_gone_back(seen, listing))
        if seen is None or listing.revision >= seen.revision:
            before, seen = seen, listing
            if before is None or before.entries != seen.entries:
                yield seen
        due = clock() + relist_s
        async with aclosing(_watched(store, prefix, seen, due)) as changes:
            async for changed in changes:
                yield (seen := changed)
        if clock() < due:
            await asyncio.sleep(backoff.delay_s())
        else:
            backoff.reset()


def _gone_back(seen: Listing | None, listing: Listing) -> StoreUnavailable | None:
    """What a majority says never goes back by itself."""
    if seen is None or listing.revision >= seen.revision:
        return None
    return StoreUnavailable(
        f"it is at revision {listing.revision} after {seen.revision}: it was taken back without `gslb restore`"
    )


async def _watched(store: Store, prefix: str, seen: Listing, end: float) -> AsyncGenerator[Listing, None]:
    """What a watch makes of `seen`, until `end` of the event loop's clock or as long as it lasts."""
    async with aclosing(store.watch(prefix, seen.revision)) as watch:
        while True:
            try:
                async with asyncio.timeout_at(end):
                    events = await anext(watch)
            except (TimeoutError, StopAsyncIteration, Compacted, StoreUnavailable):
                return
            yield (seen := apply(seen, events))


def apply(listing: Listing, events: Iterable[Event]) -> Listing:
    """The listing after one commit."""
    entries = {entry.key: entry for entry in listing.entries}
    revision = listing.revision
    for event in events:
        revision = event.revision
        entries.pop(event.key, None)
        if event.value is not None:
            entries[event.key] = Entry(key=event.key, value=event.value, revision=event.revision)
    ordered = sorted(entries.values(), key=lambda entry: entry.key.encode())
    return Listing(entries=tuple(ordered), revision=revision)
