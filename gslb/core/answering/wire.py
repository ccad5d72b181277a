"""Strict parsing of queries from the wire: what a stranger sent is checked once, here, and nothing is trusted before.

Work is linear in the packet's length: the question's name stands first and so can have no pointer, and the only other
name that matters is that of a key. Composing replies is `gslb.core.answering.compose`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NoReturn

from gslb.core.answering.records import Opcode, Rcode, RRType
from gslb.core.answering.tsig import Tsig, parse_tsig
from gslb.core.errors import InvalidPacket
from gslb.core.names import MAX_LABEL_BYTES, MAX_NAME_BYTES

HEADER_BYTES = 12
QR, TC, RD = 0x8000, 0x0200, 0x0100
OPCODE = 0x7800
_DO = 0x8000
_POINTER = 0xC0
_FARTHEST = 0x3FFF
_SMALLEST_RECORD = 11

_HEADER = struct.Struct("!6H")
_QUESTION = struct.Struct("!2H")
_RECORD = struct.Struct("!HHIH")


@dataclass(frozen=True, slots=True)
class Edns:
    """The OPT record of a query (RFC 6891 6.1). `options` are raw, since those of an unknown version mean nothing."""

    size: int
    version: int
    dnssec_ok: bool
    options: bytes


@dataclass(frozen=True, slots=True)
class Query:
    """A query. `spelling` is the question's name as sent (RFC 4343), `name` the same in lower case.

    All of the question is empty or 0 where there is none, which only a client that asks for a cookie may send.
    """

    id: int
    recursion_desired: bool
    spelling: bytes
    name: bytes
    rrtype: int
    rrclass: int
    edns: Edns | None
    tsig: Tsig | None = None


def parse(packet: bytes) -> Query:
    """Raises InvalidPacket: to be dropped without rcode, else to be answered with its rcode and a header alone."""
    if len(packet) < HEADER_BYTES:
        _refuse("short", None)
    identity, flags, questions, answers, authorities, additionals = _HEADER.unpack_from(packet)
    if flags & QR:
        _refuse("response", None)
    if flags & OPCODE != Opcode.QUERY:
        _refuse("opcode", Rcode.NOTIMP)
    if questions > 1:
        _refuse("question count", Rcode.FORMERR)
    spelling, rrtype, rrclass, end = _question(packet) if questions else (b"", 0, 0, HEADER_BYTES)
    edns, tsig = _find_pseudo_records(packet, end, answers + authorities, additionals)
    if not questions and edns is None:
        _refuse("question count", Rcode.FORMERR)
    return Query(
        id=identity,
        recursion_desired=bool(flags & RD),
        spelling=spelling,
        name=spelling.lower(),  # length octets are below the letters
        rrtype=rrtype,
        rrclass=rrclass,
        edns=edns,
        tsig=tsig,
    )


def _question(packet: bytes) -> tuple[bytes, int, int, int]:
    """Name, type and class of the question, and where it ends."""
    end = _question_name_end(packet)
    if end + _QUESTION.size > len(packet):
        _refuse("question cut off", Rcode.FORMERR)
    rrtype, rrclass = _QUESTION.unpack_from(packet, end)
    return packet[HEADER_BYTES:end], rrtype, rrclass, end + _QUESTION.size


def _question_name_end(packet: bytes) -> int:
    at = HEADER_BYTES
    while True:
        if at >= len(packet):
            _refuse("question cut off", Rcode.FORMERR)
        length = packet[at]
        if length > MAX_LABEL_BYTES:  # a pointer, too: it could only point forward or into the header
            _refuse("question name", Rcode.FORMERR)
        at += 1 + length
        if at - HEADER_BYTES > MAX_NAME_BYTES:
            _refuse("question name", Rcode.FORMERR)
        if length == 0:
            return at


def _find_pseudo_records(packet: bytes, at: int, before: int, additionals: int) -> tuple[Edns | None, Tsig | None]:
    """Walk all records, since only their lengths tell where those are that belong to the message as a whole."""
    records = before + additionals
    if records * _SMALLEST_RECORD > len(packet) - at:
        _refuse("record count", Rcode.FORMERR)
    edns: Edns | None = None
    tsig: Tsig | None = None
    for number in range(records):
        owner = at
        at = _skip_name(packet, at)
        if at + _RECORD.size > len(packet):
            _refuse("record cut off", Rcode.FORMERR)
        rrtype, rrclass, ttl, length = _RECORD.unpack_from(packet, at)
        at += _RECORD.size + length
        if at > len(packet):
            _refuse("record cut off", Rcode.FORMERR)
        rdata = packet[at - length : at]
        if rrtype == RRType.OPT:
            if number < before or edns is not None or packet[owner] != 0:
                _refuse("misplaced opt", Rcode.FORMERR)
            edns = Edns(rrclass, ttl >> 16 & 0xFF, bool(ttl & _DO), rdata)
        elif rrtype == RRType.TSIG:
            if number < before or number + 1 < records:  # the last one, so there are not two either (RFC 8945 5.2)
                _refuse("misplaced tsig", Rcode.FORMERR)
            tsig = parse_tsig(_whole_name(packet, owner), rrclass, ttl, rdata)
    if at != len(packet):
        _refuse("trailing octets", Rcode.FORMERR)
    return edns, tsig


def _skip_name(packet: bytes, at: int) -> int:
    """The end of a record's owner name, whose pointer, if it has one, must lead backward and outside the header."""
    start = at
    while True:
        if at >= len(packet):
            _refuse("record cut off", Rcode.FORMERR)
        length = packet[at]
        if length >= _POINTER:
            if at + 2 > len(packet):
                _refuse("record cut off", Rcode.FORMERR)
            if not HEADER_BYTES <= (length & ~_POINTER) << 8 | packet[at + 1] < start:
                _refuse("record name", Rcode.FORMERR)
            return at + 2
        if length > MAX_LABEL_BYTES or at + 1 + length - start > MAX_NAME_BYTES:
            _refuse("record name", Rcode.FORMERR)
        at += 1 + length
        if length == 0:
            return at


def _whole_name(packet: bytes, at: int) -> bytes:
    """A record's owner name without pointers, each of which must lead farther back."""
    name, start = b"", at
    while True:
        if at >= len(packet):
            _refuse("record name", Rcode.FORMERR)
        length = packet[at]
        if length >= _POINTER:
            pointer = int.from_bytes(packet[at : at + 2]) & _FARTHEST
            if at + 2 > len(packet) or not HEADER_BYTES <= pointer < start:
                _refuse("record name", Rcode.FORMERR)
            at = start = pointer
            continue
        name += packet[at : at + 1 + length]
        at += 1 + length
        if length > MAX_LABEL_BYTES or len(name) > MAX_NAME_BYTES:
            _refuse("record name", Rcode.FORMERR)
        if length == 0:
            return name


def _refuse(reason: str, rcode: Rcode | None) -> NoReturn:
    raise InvalidPacket(reason, rcode)
