"""What a validated configuration means: frozen values, every reference resolvable, nothing to check again.

`gslb.config` builds a Model, `compile_snapshot` turns it into a Snapshot, `decide` reads it. Sequences are tuples in
configuration order unless said otherwise. Durations are integers of milliseconds (`_ms`) or seconds (`_s`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from gslb.core.monitors import Monitor
from gslb.core.names import Name
from gslb.core.steering.stages.base import Stage

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network


class Family(StrEnum):
    """The record type by which a member is answered; each family of a service is steered on its own."""

    A = "A"
    AAAA = "AAAA"
    CNAME = "CNAME"


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A point on the globe in degrees, north and east positive."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A place where agents stand; one without pools is a witness.

    `probe_allow`: networks its agents may probe although they are refused by default (loopback, link-local ...).
    """

    name: str
    location: Location | None
    tags: tuple[tuple[str, str], ...]
    probe_allow: tuple[IPNetwork, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A server: at most one address per family, or a host name (never both).

    `probe`: where agents probe instead of the addresses (address or host name as text); None = each address by itself.
    Name: as configured under `endpoints`, or `POOL/MEMBER` for a member written inside its pool.
    """

    name: str
    addresses: tuple[IPAddress, ...]
    host: Name | None
    probe: str | None

    def address(self, family: Family) -> IPAddress | None:
        """The address answered in `family`, if it has one."""
        version = {Family.A: 4, Family.AAAA: 6}.get(family)
        return next((address for address in self.addresses if address.version == version), None)

    def families(self) -> frozenset[Family]:
        """The families in which this endpoint can be answered."""
        if self.host is not None:
            return frozenset({Family.CNAME})
        return frozenset(Family.A if address.version == 4 else Family.AAAA for address in self.addresses)

    def probe_address(self, family: Family) -> str:
        """Where the verdict about `family` comes from: address or host name as text."""
        return self.probe if self.probe is not None else self.outside_address(family)

    def outside_address(self, family: Family) -> str:
        """What clients are answered in `family`, as text: where other sites' agents probe."""
        return str(self.host) if self.host is not None else str(self.address(family))


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An endpoint's place in one pool. `weight` 0 = no traffic; `standby` = last resort."""

    name: str
    endpoint: str
    weight: int
    standby: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MinHealthy:
    """How many of a pool's weighted, non-standby members of a family must serve for the pool to count as healthy."""

    value: int
    percent: bool

    def count(self, members: int) -> int:
        """The number of members meant, at least 1; percents round up."""
        return max(1, -(-self.value * members // 100) if self.percent else self.value)


class FailbackMode(StrEnum):
    """How a member comes back: by itself, when an operator says so, or by and by."""

    AUTO = "auto"
    MANUAL = "manual"
    RAMP = "ramp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failback:
    """`over_ms`: how long a ramp lasts."""

    mode: FailbackMode = FailbackMode.AUTO
    over_ms: int = 0


AT_ONCE = Failback()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Members at one site (None: nowhere in particular, so never probed)."""

    name: str
    site: str | None
    members: tuple[Member, ...]
    monitor: str | None
    min_healthy: MinHealthy
    failback: Failback = AT_ONCE


class AllDownKind(StrEnum):
    """What a service answers when nothing eligible serves in any family."""

    SERVE_ALL = "serve_all"
    POOL = "pool"
    ADDRESSES = "addresses"
    NODATA = "nodata"
    SERVFAIL = "servfail"


@dataclass(frozen=True, slots=True, kw_only=True)
class AllDown:
    kind: AllDownKind
    pool: str | None = None
    addresses: tuple[IPAddress, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A reusable chain: filters, then exactly one sharing stage.

    `slots`: the names its stages use. A service binds them to pools, and may bind others that `otherwise` or stages
    without names reach.
    """

    name: str
    slots: tuple[str, ...]
    stages: tuple[Stage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A steered owner name.

    `bindings`: (slot, pool) pairs; an unbound slot is empty. `monitor` overrides the pools' own. `answers`: how many
    members an answer carries, 0 = all healthy ones. `by_query`: draw per answer instead of by the client's prefix.
    """

    name: Name
    zone: Name
    policy: str
    bindings: tuple[tuple[str, str], ...]
    monitor: str | None
    ttl_s: int
    answers: int
    by_query: bool
    all_down: AllDown

    def pools(self) -> frozenset[str]:
        """All that may answer for it."""
        last = () if self.all_down.pool is None else (self.all_down.pool,)
        return frozenset((*(pool for _, pool in self.bindings), *last))


@dataclass(frozen=True, slots=True, kw_only=True)
class RRset:
    """Plain records: `rdatas` are wire bytes without compression (RFC 3597), in configuration order."""

    name: Name
    rrtype: int
    ttl_s: int
    rdatas: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Soa:
    """The SOA but for its serial, which `apply` stores and raises when the zone's plain content changes."""

    mname: Name
    rname: Name
    refresh_s: int
    retry_s: int
    expire_s: int
    negative_ttl_s: int
    ttl_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """`rrsets` hold the apex NS set and all plain records, but not the SOA."""

    apex: Name
    soa: Soa
    rrsets: tuple[RRset, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EcsTrust:
    """Resolvers whose ECS counts (`networks`).

    A private ECS address counts only where one of `own_prefixes` covers it: `geo.prefixes` and the CIDRs of rules.
    """

    networks: tuple[IPNetwork, ...]
    own_prefixes: tuple[IPNetwork, ...]


MAX_ANSWERS_PER_SECOND = 1_000_000
MAX_SLIP = 100
MAX_EXEMPT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """Answers a second that a dns server gives over UDP to one client prefix (/24, /56).

    `answers`: to the same question; `nxdomain`: about one zone; `errors` and `client`: in all. `slip`: one of so many
    limited answers goes out, empty and truncated; 0 = none. `exempt`: never limited.
    """

    answers: int
    nxdomain: int
    errors: int
    client: int
    slip: int
    exempt: tuple[IPNetwork, ...]


NOCOOKIE_BYTES = (128, 1232)
"""Least and most that `max_nocookie_response` may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsSettings:
    """How dns servers treat those who ask. `rate_limit`: None = nobody is limited.

    `max_nocookie_response`: octets of an answer over UDP to a client without a valid cookie; None = what UDP allows.
    """

    rate_limit: RateLimit | None = None
    max_nocookie_response: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPrefix:
    """A prefix the user knows better than the database: tags, and optionally where it is."""

    network: IPNetwork
    tags: tuple[tuple[str, str], ...]
    country: str | None
    location: Location | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GeoSources:
    """`databases`: paths as configured (empty: the country database that ships with the package)."""

    databases: tuple[str, ...]
    prefixes: tuple[OwnPrefix, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    zones: tuple[Zone, ...]
    sites: tuple[Site, ...]
    monitors: tuple[Monitor, ...]
    endpoints: tuple[Endpoint, ...]
    pools: tuple[Pool, ...]
    policies: tuple[Policy, ...]
    services: tuple[Service, ...]
    ecs: EcsTrust
    geo: GeoSources
    dns: DnsSettings = DnsSettings()
