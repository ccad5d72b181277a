"""Numbers and names of record types, classes, opcodes and response codes, and the little RDATA the engine itself reads.

Everything else about a record type is its RDATA as wire bytes (RFC 3597), which nobody here looks into.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from enum import IntEnum

from gslb.core.model import Family, Soa
from gslb.core.names import MAX_LABEL_BYTES, MAX_NAME_BYTES


class RRType(IntEnum):
    """The types the engine treats in a way of their own; all others are only numbers."""

    A = 1
    NS = 2
    CNAME = 5
    SOA = 6
    HINFO = 13
    AAAA = 28
    DNAME = 39
    OPT = 41
    DS = 43
    TKEY = 249
    TSIG = 250
    IXFR = 251
    AXFR = 252
    MAILB = 253
    MAILA = 254
    ANY = 255


TRANSFERS = frozenset({RRType.IXFR, RRType.AXFR})
UNASKABLE = frozenset({RRType.OPT, RRType.TKEY, RRType.TSIG, RRType.MAILB, RRType.MAILA})
"""Types below the message layer or long obsolete, which no zone can hold."""

NAMED = frozenset({RRType.NS, RRType.CNAME, RRType.DNAME})
"""Types whose RDATA is one name that the engine follows."""

FAMILY_TYPES: Mapping[Family, RRType] = {
    Family.A: RRType.A,
    Family.AAAA: RRType.AAAA,
    Family.CNAME: RRType.CNAME,
}
TYPE_FAMILIES: Mapping[int, Family] = {number: family for family, number in FAMILY_TYPES.items()}

# Types with names worth a metric's label; the rest are counted together.
_NAMES = {
    1: "A",
    2: "NS",
    5: "CNAME",
    6: "SOA",
    12: "PTR",
    13: "HINFO",
    15: "MX",
    16: "TXT",
    28: "AAAA",
    33: "SRV",
    35: "NAPTR",
    39: "DNAME",
    43: "DS",
    46: "RRSIG",
    47: "NSEC",
    48: "DNSKEY",
    64: "SVCB",
    65: "HTTPS",
    251: "IXFR",
    252: "AXFR",
    255: "ANY",
    257: "CAA",
}


def type_label(number: int) -> str:
    """A name from a small closed set, so that a stranger's queries cannot make new time series."""
    return _NAMES.get(number, "other")


class RRClass(IntEnum):
    IN = 1


class Opcode(IntEnum):
    QUERY = 0


class Rcode(IntEnum):
    """Response codes (RFC 1035 4.1.1, 2136 2.2, 6891 9, 7873 8, 8945 3)."""

    NOERROR = 0
    FORMERR = 1
    SERVFAIL = 2
    NXDOMAIN = 3
    NOTIMP = 4
    REFUSED = 5
    YXDOMAIN = 6
    NOTAUTH = 9
    BADVERS = 16
    BADCOOKIE = 23


MINIMAL_ANY = bytes([7]) + b"RFC8482" + bytes([0])
"""RDATA of the HINFO that stands for an answer to ANY (RFC 8482 4.2)."""


def soa_rdata(soa: Soa, serial: int) -> bytes:
    """SOA RDATA; the last field is the TTL of negative answers (RFC 2308 4)."""
    times = struct.pack("!5I", serial, soa.refresh_s, soa.retry_s, soa.expire_s, soa.negative_ttl_s)
    return soa.mname.wire + soa.rname.wire + times


def is_name(rdata: bytes) -> bool:
    """Whether RDATA is exactly one uncompressed name."""
    at = 0
    while at < len(rdata) and 0 < rdata[at] <= MAX_LABEL_BYTES:
        at += 1 + rdata[at]
    return at + 1 == len(rdata) <= MAX_NAME_BYTES and rdata[at] == 0
