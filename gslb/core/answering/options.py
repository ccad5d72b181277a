"""The EDNS options of a query that we look at: client subnet, cookie, NSID; others are passed over (RFC 6891 6.1.2).

Composing those of replies is `gslb.core.answering.compose`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import NoReturn

from gslb.core.answering.records import Rcode
from gslb.core.errors import InvalidPacket

CLIENT_COOKIE_BYTES = 8
_SERVER_COOKIE_LENGTHS = range(8, 33)
_OPTION = struct.Struct("!2H")


class OptionCode(IntEnum):
    NSID = 3
    CLIENT_SUBNET = 8
    COOKIE = 10
    EXTENDED_ERROR = 15


@dataclass(frozen=True, slots=True)
class Subnet:
    """ECS option (RFC 7871 6). `address`: the octets as sent, as many as `source` bits need."""

    family: int
    source: int
    address: bytes


@dataclass(frozen=True, slots=True)
class Cookie:
    """COOKIE option (RFC 7873 4). `server`: what a server gave the client before, or empty."""

    client: bytes
    server: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`wants_nsid`: the client asks which server answers (RFC 5001)."""

    subnet: Subnet | None = None
    cookie: Cookie | None = None
    wants_nsid: bool = False


NO_OPTIONS = Options()


def parse_options(raw: bytes) -> Options:
    """Raises InvalidPacket for a malformed option list, ECS or COOKIE option.

    Two ECS options contradict each other; of several COOKIE options the first one counts (RFC 7873 5.2).
    """
    subnet: Subnet | None = None
    cookie: Cookie | None = None
    wants_nsid = False
    for code, data in _split(raw):
        if code == OptionCode.CLIENT_SUBNET:
            if subnet is not None:
                _refuse("two ecs options")
            subnet = _parse_subnet(data)
        elif code == OptionCode.COOKIE and cookie is None:
            cookie = _parse_cookie(data)
        elif code == OptionCode.NSID:
            wants_nsid = True
    return Options(subnet=subnet, cookie=cookie, wants_nsid=wants_nsid)


def _split(raw: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(raw):
        if at + _OPTION.size > len(raw):
            _refuse("option cut off")
        code, length = _OPTION.unpack_from(raw, at)
        at += _OPTION.size
        if at + length > len(raw):
            _refuse("option cut off")
        yield code, raw[at : at + length]
        at += length


def _parse_subnet(data: bytes) -> Subnet:
    if len(data) < 4:
        _refuse("ecs")
    family, source, scope, address = int.from_bytes(data[:2]), data[2], data[3], data[4:]
    width = {0: 0, 1: 32, 2: 128}.get(family)
    if width is None or source > width or scope != 0 or len(address) != (source + 7) // 8:
        _refuse("ecs")
    if source % 8 and address[-1] & (0xFF >> source % 8):
        _refuse("ecs")
    return Subnet(family, source, address)


def _parse_cookie(data: bytes) -> Cookie:
    """Any other length is FORMERR (RFC 7873 5.2.2)."""
    client, server = data[:CLIENT_COOKIE_BYTES], data[CLIENT_COOKIE_BYTES:]
    if len(client) != CLIENT_COOKIE_BYTES or (server and len(server) not in _SERVER_COOKIE_LENGTHS):
        _refuse("cookie")
    return Cookie(client, server)


def _refuse(reason: str) -> NoReturn:
    raise InvalidPacket(reason, Rcode.FORMERR)
