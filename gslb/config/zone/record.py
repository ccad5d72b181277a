"""One plain record with its place, and RDATA text to wire bytes for any type."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.SOA

from gslb.config.problems import Mark, did_you_mean
from gslb.core.names import Name

A, NS, CNAME, SOA, TXT, AAAA, DNAME, DS = 1, 2, 5, 6, 16, 28, 39, 43
DEFAULT_TTL_S = 300
MAX_TTL_S = 604_800

_COMMON = (
    "A",
    "AAAA",
    "CAA",
    "CNAME",
    "DNAME",
    "DS",
    "HTTPS",
    "MX",
    "NAPTR",
    "NS",
    "PTR",
    "SRV",
    "SVCB",
    "TLSA",
    "TXT",
)
_EXAMPLES = {
    "A": "192.0.2.1",
    "AAAA": "2001:db8::1",
    "CAA": '0 issue "ca.example"',
    "CNAME": "www.example.com.",
    "DNAME": "example.com.",
    "HTTPS": '1 . alpn="h2,h3"',
    "MX": "10 mail.example.com.",
    "NS": "ns1.example.com.",
    "PTR": "www.example.com.",
    "SOA": "ns1.example.com. hostmaster.example.com. 1 7200 900 1209600 10",
    "SRV": "10 20 443 www.example.com.",
    "TXT": '"v=spf1 -all"',
}
_SIGNED = frozenset({46, 47, 48, 50, 51})
_META = range(128, 256)
_OPT = 41
_MAX_RDATA_BYTES = 65_535
_MAX_STRING_BYTES = 255


@dataclass(frozen=True, slots=True)
class Record:
    """`rdata`: wire bytes without compression."""

    owner: Name
    rrtype: int
    ttl_s: int
    rdata: bytes
    mark: Mark

    def target(self) -> Name:
        """The name that an NS, CNAME or DNAME record points to."""
        return Name(self.rdata.lower())


@dataclass(frozen=True, slots=True, kw_only=True)
class SoaValues:
    """What a zone file's own SOA says, but for the serial."""

    mname: Name
    rname: Name
    refresh_s: int
    retry_s: int
    expire_s: int
    minimum_s: int
    ttl_s: int


@lru_cache(maxsize=1024)
def type_number(text: str) -> int:
    """The number of a record type that may be plain data. Raises ValueError with a sentence."""
    try:
        number = int(dns.rdatatype.from_text(text))
    except (dns.exception.DNSException, ValueError):
        raise ValueError(f"`{text[:40]}` is no record type{did_you_mean(text, _COMMON)}") from None
    if number in _META or number in (0, _OPT):
        raise ValueError(f"{text.upper()} is a type for questions and messages, not for data: remove the record")
    if number in _SIGNED:
        raise ValueError(f"{text.upper()} belongs to a signed zone, and zones are not signed here: remove the record")
    return number


def type_name(number: int) -> str:
    return dns.rdatatype.to_text(dns.rdatatype.RdataType.make(number))


def rdata_bytes(rrtype: int, text: str, origin: Name) -> bytes:
    """Wire bytes of RDATA as a zone file has it. Raises ValueError with a sentence."""
    try:
        wire = _rdata(rrtype, text, origin).to_wire()
    except (dns.exception.DNSException, ValueError, OverflowError, struct.error) as error:
        raise ValueError(f"this is not {type_name(rrtype)} data ({_why(error)}): {_advice(rrtype)}") from None
    if wire is None or len(wire) > _MAX_RDATA_BYTES:
        raise ValueError(f"the data has more than {_MAX_RDATA_BYTES} octets: split it")
    return wire


def soa_values(text: str, origin: Name, ttl_s: int) -> SoaValues:
    """The fields of an SOA. Raises ValueError with a sentence."""
    try:
        soa = _rdata(SOA, text, origin)
        if not isinstance(soa, dns.rdtypes.ANY.SOA.SOA):
            raise ValueError("write it without \\#")
        mname, rname = soa.mname.to_wire(), soa.rname.to_wire()
    except (dns.exception.DNSException, ValueError, OverflowError) as error:
        raise ValueError(f"this is not SOA data ({_why(error)}): {_advice(SOA)}") from None
    return SoaValues(
        mname=Name((mname or b"\0").lower()),
        rname=Name((rname or b"\0").lower()),
        refresh_s=soa.refresh,
        retry_s=soa.retry,
        expire_s=soa.expire,
        minimum_s=soa.minimum,
        ttl_s=ttl_s,
    )


def quoted(text: str) -> str:
    """TXT data written without quotes, as one text in as many strings as it needs."""
    if text.lstrip().startswith('"') or text.startswith("\\#"):
        return text
    raw = text.encode()
    parts = [raw[at : at + _MAX_STRING_BYTES] for at in range(0, len(raw), _MAX_STRING_BYTES)]
    return " ".join('"' + "".join(f"\\{octet:03d}" for octet in part) + '"' for part in parts)


def _rdata(rrtype: int, text: str, origin: Name) -> dns.rdata.Rdata:
    root = dns.name.Name((*origin.labels, b""))
    return dns.rdata.from_text(
        dns.rdataclass.IN, dns.rdatatype.RdataType.make(rrtype), text, origin=root, relativize=False
    )


def _why(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:200].rstrip(".")


def _advice(rrtype: int) -> str:
    example = _EXAMPLES.get(type_name(rrtype))
    return f"write it as in `{example}`" if example else "write it as the RFC of that type says"
