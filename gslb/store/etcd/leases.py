"""Leases: how long etcd keeps a key for somebody who does not ask again. Counted from before each request was sent."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from gslb.core.errors import GslbError, StoreUnavailable
from gslb.etcdpb.v3 import etcd_pb2 as pb
from gslb.runtime.clock import monotonic_s
from gslb.store.etcd.client import Client
from gslb.store.etcd.methods import LEASE_GRANT, LEASE_KEEP_ALIVE, LEASE_REVOKE


class LeaseOver(GslbError):
    """etcd does not know the lease any more."""

    code = "lease-over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """`asked_s`: of the clock, before etcd was asked; it lasts at least `ttl_s` from then."""

    id: int
    ttl_s: int
    asked_s: float


async def grant(client: Client, ttl_s: int, clock: Callable[[], float] = monotonic_s) -> Lease:
    """A new lease; etcd may make it longer than asked for."""
    asked_s = clock()
    response = await client.call(LEASE_GRANT, pb.LeaseGrantRequest(ttl_s=ttl_s))
    return Lease(id=response.id, ttl_s=response.ttl_s, asked_s=asked_s)


async def prolong(client: Client, lease: Lease, clock: Callable[[], float] = monotonic_s) -> Lease:
    """The lease from now on. Raises LeaseOver, StoreUnavailable."""
    asked_s = clock()
    response = await client.call(LEASE_KEEP_ALIVE, pb.LeaseKeepAliveRequest(id=lease.id))
    if response.ttl_s <= 0:
        raise LeaseOver("the lease ran out")
    return Lease(id=lease.id, ttl_s=response.ttl_s, asked_s=asked_s)


async def revoke(client: Client, lease: Lease) -> None:
    """End it now if etcd can be reached, else it ends by itself."""
    with suppress(StoreUnavailable):
        await client.call(LEASE_REVOKE, pb.LeaseRevokeRequest(id=lease.id))
