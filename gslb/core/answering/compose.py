"""Replies to wire bytes: sections of RRsets in, a message out that is never larger than allowed.

What does not fit is left out whole: optional additional records first, then everything, with TC (RFC 2181 9).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

from dnslib import RD, RR, DNSHeader, DNSQuestion, EDNSOption
from dnslib.label import DNSBuffer, DNSLabel

from gslb.core.answering import wire
from gslb.core.answering.choice import Choice
from gslb.core.answering.explanation import Explanation
from gslb.core.answering.options import OptionCode, Subnet
from gslb.core.answering.records import Rcode, RRClass, RRType
from gslb.core.answering.wire import Query

UDP_BYTES = 1232
"""Most that is sent or invited over UDP (RFC 9715)."""
PLAIN_UDP_BYTES = 512
TCP_BYTES = 65_535
_FARTHEST_POINTER = 0x3FFF
_RECORD_BYTES = 12
"""A record without its RDATA, its owner name a pointer."""


@dataclass(frozen=True, slots=True)
class Records:
    """An RRset under the owner name to show, as lower-case wire bytes."""

    owner: bytes
    rrtype: int
    ttl_s: int
    rdatas: tuple[bytes, ...]


Section = tuple[Records, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the OPT record of a reply says besides, where there is one. `nsid` and `cookie`: empty = left out."""

    subnet: Subnet | None = None
    nsid: bytes = b""
    cookie: bytes = b""


NOTHING_TOLD = Told()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What is answered, whatever the size. `glue` must not be missing (RFC 9471), `extra` may; both are Additional.

    `tsig`: a whole record, which stands last. `choices`: of every service on the way, for counters.
    """

    rcode: Rcode
    authoritative: bool = False
    truncated: bool = False
    answer: Section = ()
    authority: Section = ()
    glue: Section = ()
    extra: Section = ()
    scope: int = 0
    explanation: Explanation | None = None
    tsig: bytes = b""
    choices: tuple[Choice, ...] = ()


def compose(query: Query, told: Told, reply: Reply, limit: int) -> tuple[bytes, Reply]:
    """The message, and the reply that was composed: `reply` itself or what was left of it within `limit` octets."""
    if told.nsid and len(_compose(query, told, emptied(reply))) > limit:
        told = replace(told, nsid=b"")
    for candidate in _candidates(reply):
        if _least_bytes(candidate) <= limit:
            message = _compose(query, told, candidate)
            if len(message) <= limit:
                return message, candidate
    rest = emptied(reply)
    return _compose(query, told, rest), rest


def _candidates(reply: Reply) -> Iterator[Reply]:
    """With less and less of what may be left out: first the explanation or the TSIG record, then optional records."""
    yield reply
    if reply.tsig:
        yield replace(reply, tsig=b"")
    if reply.explanation is not None:
        yield replace(reply, explanation=None)
    if reply.extra:
        yield replace(reply, explanation=None, extra=())


def emptied(reply: Reply) -> Reply:
    """The same without records, truncated."""
    return Reply(rcode=reply.rcode, authoritative=reply.authoritative, truncated=True, scope=reply.scope)


def compose_error(packet: bytes, rcode: int, truncated: bool = False) -> bytes:
    """A header alone, for a packet whose question cannot be told: id, opcode and RD are the packet's."""
    identity, flags = struct.unpack_from("!2H", packet)
    flags = wire.QR | flags & (wire.OPCODE | wire.RD) | truncated * wire.TC | rcode
    return struct.pack("!6H", identity, flags, 0, 0, 0, 0)


def size_limit(query: Query) -> int:
    """Most octets of a UDP reply (RFC 6891 6.2.3, RFC 9715)."""
    return min(max(PLAIN_UDP_BYTES, query.edns.size), UDP_BYTES) if query.edns else PLAIN_UDP_BYTES


def _compose(query: Query, told: Told, reply: Reply) -> bytes:
    buffer = DNSBuffer()
    additional = reply.glue + reply.extra
    _header(query, reply, additional).pack(buffer)
    if query.spelling:
        DNSQuestion(_label(query.spelling), query.rrtype, query.rrclass).pack(buffer)
    for records in reply.answer + reply.authority + additional:
        owner = _label(_spelled(records.owner, query))
        for rdata in records.rdatas:
            RR(owner, records.rrtype, RRClass.IN, records.ttl_s, RD(rdata)).pack(buffer)
            _forget_far_names(buffer)
    if query.edns is not None:
        _opt(query.edns.dnssec_ok, told, reply).pack(buffer)
    buffer.append(reply.tsig)
    return bytes(buffer.data)


def _header(query: Query, reply: Reply, additional: Section) -> DNSHeader:
    """AD, CD and RA stay clear (RFC 4035 3.1.6)."""
    return DNSHeader(
        id=query.id,
        bitmap=0,
        qr=1,
        aa=int(reply.authoritative),
        tc=int(reply.truncated),
        rd=int(query.recursion_desired),
        rcode=reply.rcode & 0xF,
        q=int(bool(query.spelling)),
        a=_count(reply.answer),
        auth=_count(reply.authority),
        ar=_count(additional) + (query.edns is not None) + bool(reply.tsig),
    )


def _opt(dnssec_ok: bool, told: Told, reply: Reply) -> RR:
    """Version 0, of the flags only DO (RFC 3225 3), and ECS when it was asked (RFC 7871 7.2.1)."""
    subnet = told.subnet
    ttl = (reply.rcode >> 4) << 24 | dnssec_ok << 15
    options = []
    if subnet is not None:
        head = struct.pack("!HBB", subnet.family, subnet.source, reply.scope)
        options.append(EDNSOption(OptionCode.CLIENT_SUBNET, head + subnet.address))
    if told.nsid:
        options.append(EDNSOption(OptionCode.NSID, told.nsid))
    if told.cookie:
        options.append(EDNSOption(OptionCode.COOKIE, told.cookie))
    if reply.explanation is not None:
        text = struct.pack("!H", reply.explanation.code) + reply.explanation.text.encode()
        options.append(EDNSOption(OptionCode.EXTENDED_ERROR, text))
    return RR(DNSLabel(()), RRType.OPT, UDP_BYTES, ttl, options)


def _spelled(owner: bytes, query: Query) -> bytes:
    """`owner` in the question's letters where it ends the question's name, so that it becomes a pointer there."""
    if query.name.endswith(owner):
        return query.spelling[len(query.name) - len(owner) :]
    return owner


def _label(name: bytes) -> DNSLabel:
    labels, at = [], 0
    while length := name[at]:
        labels.append(name[at + 1 : at + 1 + length])
        at += 1 + length
    return DNSLabel(tuple(labels))


def _count(section: Section) -> int:
    return sum(len(records.rdatas) for records in section)


def _least_bytes(reply: Reply) -> int:
    """A lower bound, so that a huge RRset is not composed only to find that it does not fit."""
    sections = reply.answer + reply.authority + reply.glue + reply.extra
    return sum(_RECORD_BYTES + len(rdata) for records in sections for rdata in records.rdatas)


def _forget_far_names(buffer: DNSBuffer) -> None:
    """dnslib points back at any name it wrote, yet a pointer's 14 bits do not reach those farther out."""
    if buffer.offset > _FARTHEST_POINTER:
        buffer.names = {name: at for name, at in buffer.names.items() if at <= _FARTHEST_POINTER}
