"""Small values as protobuf fields: names, addresses, prefixes, tags. Decoding raises InvalidSnapshot."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address, ip_network

from gslb.api.v1 import snapshot_pb2 as pb
from gslb.core.errors import InvalidName, InvalidSnapshot
from gslb.core.model import IPAddress, IPNetwork
from gslb.core.names import MAX_NAME_BYTES, Name

MAX_TTL_S = (1 << 31) - 1
"""RFC 2181 8."""


def load_name(wire: bytes) -> Name:
    """A name in its canonical wire form."""
    labels = []
    at = 0
    while len(wire) <= MAX_NAME_BYTES and at < len(wire) and wire[at]:
        labels.append(wire[at + 1 : at + 1 + wire[at]])
        at += 1 + wire[at]
    try:
        name = Name.from_labels(tuple(labels))
    except InvalidName as error:
        raise InvalidSnapshot(str(error)) from None
    if name.wire != wire:
        raise InvalidSnapshot(f"{wire[:80]!r} is not a domain name in lower-case wire form")
    return name


def load_ttl(ttl_s: int) -> int:
    if ttl_s > MAX_TTL_S:
        raise InvalidSnapshot(f"a TTL of {ttl_s} s is longer than {MAX_TTL_S} s")
    return ttl_s


def load_address(packed: bytes) -> IPAddress:
    if len(packed) not in (4, 16):
        raise InvalidSnapshot(f"an address has {len(packed)} octets, not 4 or 16")
    return ip_address(packed)


def load_network(text: str) -> IPNetwork:
    try:
        return ip_network(text)
    except ValueError:
        raise InvalidSnapshot(f"'{text[:80]}' is not a prefix") from None


def dump_tags(tags: Iterable[tuple[str, str]]) -> list[pb.Tag]:
    return [pb.Tag(name=name, value=value) for name, value in tags]


def load_tags(messages: Iterable[pb.Tag]) -> tuple[tuple[str, str], ...]:
    return tuple((message.name, message.value) for message in messages)
