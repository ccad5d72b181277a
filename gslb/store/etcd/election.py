"""Elections: the leader is whoever created the election's key, for as long as its lease is kept.

The key is written once and vanishes with the lease, so its revision is the leader's term and fences what it writes.
The lease only decides when others may try; that a leader stops acting in time is up to its own clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress

from gslb.core.errors import Conflict, StoreUnavailable
from gslb.runtime.backoff import Backoff
from gslb.runtime.clock import monotonic_s
from gslb.runtime.logs import get_logger
from gslb.store.base import ABSENT, ELECTIONS, Compacted
from gslb.store.etcd import leases
from gslb.store.etcd.client import Client
from gslb.store.etcd.keyspace import Keyspace
from gslb.store.leadership import Leadership

LEASE_S = 9
LOOK_S = 10.0
"""A candidate looks at the key this often, whatever its watch says."""
_HELD = 2 / 3
"""Of the lease: then a leader that could not prolong it stops, well before another one can begin."""
_PROLONG = 1 / 6


@asynccontextmanager
async def campaign(
    keyspace: Keyspace, election: str, candidate: str, clock: Callable[[], float] = monotonic_s
) -> AsyncIterator[Leadership]:
    """See Store.campaign."""
    key = ELECTIONS + election
    lease, revision = await _win(keyspace, key, candidate.encode())
    leadership = Leadership(key, revision, until_s=_until(lease), clock=clock)
    keeping = asyncio.create_task(_keep(keyspace.client, lease, leadership))
    try:
        yield leadership
    finally:
        keeping.cancel()
        leadership.end()
        await leases.revoke(keyspace.client, lease)


async def _win(keyspace: Keyspace, key: str, value: bytes) -> tuple[leases.Lease, int]:
    """Until the key is ours: the lease it goes with, and its revision. Only the first failure in a row is logged."""
    backoff, told = Backoff(first_s=0.1, most_s=2.0), False
    while True:
        try:
            await _until_gone(keyspace, key)
            lease = await leases.grant(keyspace.client, LEASE_S)
            try:
                revision = await _create(keyspace, key, value, lease)
            except asyncio.CancelledError:  # it may have been won: nobody must wait for who is gone
                await leases.revoke(keyspace.client, lease)
                raise
            if revision is not None:
                return lease, revision
            await leases.revoke(keyspace.client, lease)
            told = False
        except StoreUnavailable as error:
            if keyspace.client.closed.is_set():
                raise
            if not told:
                get_logger("coordinator").warning("an election waits for the store", key=key, reason=str(error))
            told = True
            await keyspace.client.pause(backoff.delay_s())


async def _create(keyspace: Keyspace, key: str, value: bytes, lease: leases.Lease) -> int | None:
    """The revision of the key if it is ours now; a lost answer is made up for by a look."""
    with suppress(Conflict, StoreUnavailable):
        return await keyspace.commit_with_lease(compares={key: ABSENT}, puts={key: value}, deletes=(), lease=lease.id)
    return await keyspace.revision_with(key, lease.id)


async def _until_gone(keyspace: Keyspace, key: str) -> None:
    """Return when the key does not exist, or after a while anyway: the watch is a hint."""
    listing = await keyspace.list(key)
    if not any(entry.key == key for entry in listing.entries):
        return
    with suppress(TimeoutError, Compacted):
        async with asyncio.timeout(LOOK_S), aclosing(keyspace.watch(key, listing.revision)) as commits:
            async for events in commits:
                if any(event.key == key and event.value is None for event in events):
                    return


async def _keep(client: Client, lease: leases.Lease, leadership: Leadership) -> None:
    """Prolong the lease until it cannot be, or not in time."""
    while leadership.is_held():
        await asyncio.sleep(min(lease.ttl_s * _PROLONG, leadership.left_s))
        try:
            async with asyncio.timeout(leadership.left_s):
                lease = await leases.prolong(client, lease)
        except (leases.LeaseOver, TimeoutError):
            break
        except StoreUnavailable:
            continue
        leadership.prolong(_until(lease))
    leadership.end()


def _until(lease: leases.Lease) -> float:
    return lease.asked_s + lease.ttl_s * _HELD
