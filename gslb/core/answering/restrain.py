"""Rate limits applied to replies: which of them count as the same, and what becomes of one that is too many.

A flood of names made up at random must not make a subject of each: what does not exist counts by zone, and what is made
from a wildcard, a delegation or a DNAME counts as that.
"""

from __future__ import annotations

from typing import assert_never

from gslb.core.answering.compose import Reply
from gslb.core.answering.limit import Limit, Limited, Limiter, Subject
from gslb.core.answering.lookup import Delegated, Found, Missing, Redirected, place, zone_of
from gslb.core.answering.options import Subnet
from gslb.core.answering.records import Rcode
from gslb.core.answering.source import Client, Transport
from gslb.core.answering.view import Index, View, ZoneIndex
from gslb.core.answering.wire import Query

_ADDRESS_BITS = 128
_U64 = (1 << 64) - 1
_ERROR = Subject(Limit.ERRORS)


def restrain(
    limiter: Limiter, client: Client, view: View | None, reply: Reply, query: Query | None, subnet: Subnet | None
) -> Limited | None:
    """What to do with a reply, None where it goes out as it is; `query` None for a packet that could not be read.

    TCP is never limited, since nobody can open a connection in somebody else's name. Who shows a cookie of ours is not
    limited either; such replies do not come here.
    """
    limits = view.index.limits if view is not None else None
    if view is None or limits is None or client.transport is Transport.TCP or not limiter.notice(limits, client):
        return None
    subject = _ERROR if query is None else _subject_of(view.index, reply, query, subnet)
    return limiter.judge(limits, client, subject)


def _subject_of(index: Index, reply: Reply, query: Query, subnet: Subnet | None) -> Subject:
    """The client's prefix counts, as long as the scope, only where the answer depends on it."""
    zone = zone_of(index, query.name, query.rrtype)
    if zone is None or reply.rcode not in (Rcode.NOERROR, Rcode.NXDOMAIN):
        return _ERROR
    if reply.rcode == Rcode.NXDOMAIN:
        return Subject(Limit.NXDOMAIN, (), zone.apex)
    if subnet is None or reply.scope == 0:
        return Subject(Limit.ANSWERS, (query.rrtype,), _owner(zone, query))
    unused = _ADDRESS_BITS - reply.scope
    network = int.from_bytes(subnet.address.ljust(_ADDRESS_BITS // 8, b"\0")) >> unused << unused
    words = (reply.scope << 32 | subnet.family << 16 | query.rrtype, network >> 64, network & _U64)
    return Subject(Limit.ANSWERS, words, _owner(zone, query))


def _owner(zone: ZoneIndex, query: Query) -> bytes:
    """Where the question's name leads first."""
    where = place(zone, query.name, query.rrtype)
    match where:
        case Found(_, owner):
            return owner
        case Delegated(rrset) | Redirected(rrset):
            return rrset.name.wire
        case Missing():
            return zone.apex
        case _:
            assert_never(where)
