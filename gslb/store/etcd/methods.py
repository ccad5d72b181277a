"""etcd's methods as they are called: path, messages, and what a lost answer means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from gslb.etcdpb.v3 import etcd_pb2 as pb

Request = TypeVar("Request")
Response = TypeVar("Response")


@dataclass(frozen=True, slots=True, kw_only=True)
class Method(Generic[Request, Response]):
    """`repeatable`: calling twice does what calling once does, so an attempt without an answer is followed by another.

    `streams`: the method takes and gives streams.
    """

    path: str
    dump: Callable[[Request], bytes]
    load: Callable[[bytes], Response]
    repeatable: bool = True
    streams: bool = False


RANGE: Method[pb.RangeRequest, pb.RangeResponse] = Method(
    path="/etcdserverpb.KV/Range",
    dump=pb.RangeRequest.SerializeToString,
    load=pb.RangeResponse.FromString,
)
TXN: Method[pb.TxnRequest, pb.TxnResponse] = Method(
    path="/etcdserverpb.KV/Txn",
    dump=pb.TxnRequest.SerializeToString,
    load=pb.TxnResponse.FromString,
    repeatable=False,
)
WATCH: Method[pb.WatchRequest, pb.WatchResponse] = Method(
    path="/etcdserverpb.Watch/Watch",
    dump=pb.WatchRequest.SerializeToString,
    load=pb.WatchResponse.FromString,
    streams=True,
)
# A lease granted without our hearing of it ends by itself.
LEASE_GRANT: Method[pb.LeaseGrantRequest, pb.LeaseGrantResponse] = Method(
    path="/etcdserverpb.Lease/LeaseGrant",
    dump=pb.LeaseGrantRequest.SerializeToString,
    load=pb.LeaseGrantResponse.FromString,
)
LEASE_REVOKE: Method[pb.LeaseRevokeRequest, pb.LeaseRevokeResponse] = Method(
    path="/etcdserverpb.Lease/LeaseRevoke",
    dump=pb.LeaseRevokeRequest.SerializeToString,
    load=pb.LeaseRevokeResponse.FromString,
)
LEASE_KEEP_ALIVE: Method[pb.LeaseKeepAliveRequest, pb.LeaseKeepAliveResponse] = Method(
    path="/etcdserverpb.Lease/LeaseKeepAlive",
    dump=pb.LeaseKeepAliveRequest.SerializeToString,
    load=pb.LeaseKeepAliveResponse.FromString,
    streams=True,
)
AUTHENTICATE: Method[pb.AuthenticateRequest, pb.AuthenticateResponse] = Method(
    path="/etcdserverpb.Auth/Authenticate",
    dump=pb.AuthenticateRequest.SerializeToString,
    load=pb.AuthenticateResponse.FromString,
)
