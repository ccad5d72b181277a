"""Signed queries (TSIG, RFC 8945): we know no keys, so each is refused by a record that says so and is not signed."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NoReturn

from gslb.core.answering.records import Rcode, RRType
from gslb.core.errors import InvalidPacket
from gslb.core.names import MAX_LABEL_BYTES, MAX_NAME_BYTES

_BADKEY = 17
_CLASS_ANY = 255
_NO_MAC = bytes(2)
_RECORD = struct.Struct("!HHIH")
_ENDING = struct.Struct("!HH")
_SIGNED_BYTES, _SIZE_BYTES, _ID_BYTES = 8, 2, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Tsig:
    """A TSIG record as far as a refusal repeats it; all as sent. `signed`: the time and the fudge."""

    key: bytes
    algorithm: bytes
    signed: bytes
    original_id: bytes


def parse_tsig(key: bytes, rrclass: int, ttl: int, rdata: bytes) -> Tsig:
    """`key`: the record's owner name. Raises InvalidPacket for what cannot be interpreted (RFC 8945 4.2, 5.2)."""
    end = _name_end(rdata)
    mac = end + _SIGNED_BYTES + _SIZE_BYTES
    behind = mac + int.from_bytes(rdata[mac - _SIZE_BYTES : mac])
    other = behind + _ID_BYTES + _ENDING.size
    if rrclass != _CLASS_ANY or ttl or other + int.from_bytes(rdata[other - _SIZE_BYTES : other]) != len(rdata):
        _refuse()
    return Tsig(
        key=key,
        algorithm=rdata[:end],
        signed=rdata[end : end + _SIGNED_BYTES],
        original_id=rdata[behind : behind + _ID_BYTES],
    )


def refusal(tsig: Tsig) -> bytes:
    """The record of a reply that says that the key is unknown: nothing of its own but the error (RFC 8945 5.2.1)."""
    rdata = tsig.algorithm + tsig.signed + _NO_MAC + tsig.original_id + _ENDING.pack(_BADKEY, 0)
    return tsig.key + _RECORD.pack(RRType.TSIG, _CLASS_ANY, 0, len(rdata)) + rdata


def _name_end(rdata: bytes) -> int:
    at = 0
    while at < len(rdata) and 0 < rdata[at] <= MAX_LABEL_BYTES:
        at += 1 + rdata[at]
    if at >= min(len(rdata), MAX_NAME_BYTES) or rdata[at]:
        _refuse()
    return at + 1


def _refuse() -> NoReturn:
    raise InvalidPacket("tsig", Rcode.FORMERR)
