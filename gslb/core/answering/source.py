"""Who a query is from, as far as steering is concerned: the client's prefix if ECS tells it, else the resolver.

Also how long the scope of an answer must be (RFC 7871 7.2.1). Scopes depend on the snapshot alone, never on present
health, and the prefixes they make are equal or disjoint, so that no cached answer ever shadows another.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, StrEnum
from ipaddress import ip_network

from gslb.core.answering.options import Subnet
from gslb.core.classes.ranges import block_bits, find, longest_match
from gslb.core.model import EcsTrust, IPAddress, IPNetwork
from gslb.core.snapshot import CLASS_V4_BITS, CLASS_V6_BITS, ECS_V4_BITS, ECS_V6_BITS, ClassMap, RangeMap

_VERSIONS = {1: 4, 2: 6}
_WIDTHS = {4: CLASS_V4_BITS, 6: CLASS_V6_BITS}
PREFIX_BITS = {4: ECS_V4_BITS, 6: ECS_V6_BITS}
"""Length of the prefixes that clients are told apart by, by IP version."""


class Transport(StrEnum):
    UDP = "udp"
    TCP = "tcp"


@dataclass(frozen=True, slots=True)
class Client:
    """Who sent the packet, the resolver or a client that asks for itself, and when it was taken in hand.

    `now_ms`: monotonic milliseconds, for limits. `unix_s`: wall-clock seconds, for cookies. Both may stay 0 where
    nothing is limited and nobody shows a cookie.
    """

    address: IPAddress
    transport: Transport
    now_ms: int = 0
    unix_s: int = 0


class Basis(Enum):
    """What an answer was decided by, which settles its scope."""

    SUBNET = 1
    """The client's prefix."""
    RESOLVER = 2
    """The resolver's address, for all of its clients."""
    INSTEAD = 3
    """The resolver's address, for this one prefix, which says nothing."""


@dataclass(frozen=True, slots=True)
class Source:
    """An address to look up in the class maps: cut to /24 or /56 when it comes from ECS.

    `scope_bits`: length of the prefix that clients are told apart by, in the family of the ECS option.
    """

    version: int
    address: int
    basis: Basis
    scope_bits: int

    @property
    def prefix(self) -> int:
        """The network number that cohorts are drawn by."""
        return _network(self.version, self.address)


def network_of(address: IPAddress) -> int:
    """The network number of the /24 or /56 that an address is in."""
    return _network(address.version, int(address))


def _network(version: int, address: int) -> int:
    return address >> _WIDTHS[version] - PREFIX_BITS[version]


@dataclass(frozen=True, slots=True)
class Prefixes:
    """A set of networks that answers quickly whether an address is in one."""

    v4: RangeMap
    v6: RangeMap

    @classmethod
    def of(cls, networks: Iterable[IPNetwork]) -> Prefixes:
        by_version: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
        for network in networks:
            by_version[network.version].append((int(network.network_address), network.prefixlen))
        return cls(longest_match(by_version[4], CLASS_V4_BITS), longest_match(by_version[6], CLASS_V6_BITS))

    def cover(self, version: int, address: int) -> bool:
        return find(self.v4 if version == 4 else self.v6, address).cls > 0


AMBIGUOUS = Prefixes.of(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "224.0.0.0/3",
        "::/3",
        "2001::/23",
        "2002::/16",
        "4000::/2",
        "8000::/1",
    )
)
"""Addresses that many networks use at once, or nobody (RFC 6890): they do not tell where a client is.

Of IPv6 only 2000::/3 is in use. Documentation prefixes are left out, so that examples can be tried as they stand.
"""


@dataclass(frozen=True, slots=True)
class Trust:
    """`EcsTrust`, ready for look-ups."""

    resolvers: Prefixes
    own: Prefixes

    @classmethod
    def of(cls, ecs: EcsTrust) -> Trust:
        return cls(Prefixes.of(ecs.networks), Prefixes.of(ecs.own_prefixes))


def source_of(client: Client, subnet: Subnet | None, trust: Trust) -> Source:
    """The client's prefix where ECS counts, else the resolver's address (RFC 7871 7.5, 10, 11)."""
    resolver = Source(client.address.version, int(client.address), Basis.RESOLVER, 0)
    if subnet is None or subnet.source == 0 or not trust.resolvers.cover(resolver.version, resolver.address):
        return resolver
    version = _VERSIONS[subnet.family]
    width, bits = _WIDTHS[version], PREFIX_BITS[version]
    address = int.from_bytes(subnet.address) << width - 8 * len(subnet.address)
    address = address >> width - bits << width - bits
    if AMBIGUOUS.cover(version, address) and not trust.own.cover(version, address):
        return Source(resolver.version, resolver.address, Basis.INSTEAD, bits)
    return Source(version, address, Basis.SUBNET, bits)


def locate(source: Source, classes: ClassMap, shared: tuple[bool, ...]) -> tuple[int, int]:
    """The client's class and the scope of what is answered to it.

    `shared[c]`: whether clients of class c may be told apart by their prefix.
    """
    by_ecs = source.basis is Basis.SUBNET
    if source.version == 4:
        ranges = classes.ecs_v4 if by_ecs else classes.full_v4
    else:
        ranges = classes.ecs_v6 if by_ecs else classes.full_v6
    hit = find(ranges, source.address)
    match source.basis:
        case Basis.RESOLVER:
            scope = 0
        case Basis.INSTEAD:
            scope = source.scope_bits if len(ranges.starts) > 1 or shared[hit.cls] else 0
        case Basis.SUBNET:
            block = block_bits(hit.first, hit.last, source.address, _WIDTHS[source.version])
            scope = max(block, source.scope_bits) if shared[hit.cls] else block
    return hit.cls, scope
