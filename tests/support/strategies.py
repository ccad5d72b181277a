"""Hypothesis strategies for whole values of the core: valid models, geo tables and snapshots, small enough to shrink.

`models` keeps what configuration promises: every reference resolves, a service steers either addresses or host names,
a policy is filters and one sharing stage, record sets are unique.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import strategies as st
from support.basics import locations, networks, range_maps, subsets, tags, v4_addresses, v6_addresses
from support.monitors import HTTP, TCP
from support.policies import SLOTS, policies

from gslb.core.classes.maps import GeoTable, class_maps
from gslb.core.classes.ranges import coarsened
from gslb.core.compile import compile_snapshot
from gslb.core.layouts import Layout, Target
from gslb.core.model import (
    MAX_ANSWERS_PER_SECOND,
    MAX_SLIP,
    AllDown,
    AllDownKind,
    DnsSettings,
    EcsTrust,
    Endpoint,
    Failback,
    FailbackMode,
    GeoSources,
    IPAddress,
    Member,
    MinHealthy,
    Model,
    OwnPrefix,
    Pool,
    RateLimit,
    RRset,
    Service,
    Site,
    Soa,
    Zone,
)
from gslb.core.monitors import HttpProbe, Monitor, Outside, When
from gslb.core.names import Name
from gslb.core.order import Order
from gslb.core.place import NOWHERE, Place
from gslb.core.snapshot import CLASS_V4_BITS, CLASS_V6_BITS, ECS_V4_BITS, ECS_V6_BITS, Snapshot

SITES = ("ap-south", "eu-west", "us-east")
MONITORS = ("ping", "web")
APEXES = tuple(Name.from_text(text) for text in ("gslb.example.com", "gslb.example.net"))
PLACES = (
    NOWHERE,
    Place(continent="EU", country="DE", latitude=51.1, longitude=10.4, asn=3320),
    Place(continent="EU", country="FR", latitude=46.6, longitude=2.2),
    Place(continent="NA", country="US", subdivision="CA", city="Fresno", latitude=36.7, longitude=-119.8, asn=7018),
    Place(continent="NA", country="US", subdivision="NY", latitude=40.7, longitude=-74.0),
    Place(continent="AS", country="SG", latitude=1.35, longitude=103.8),
    Place(continent="EU", country="NO", latitude=60.9, longitude=10.2, tags=(("office", "oslo"),), own=True),
)
PROBES = (
    replace(TCP, verify=False),
    replace(TCP, tls=True, sni="db.example.com"),
    replace(HTTP, verify=False, keep=True),
    HttpProbe(
        tls=True,
        verify=True,
        host="www.example.com",
        sni="www.example.com",
        method="HEAD",
        path="/healthz",
        status=((200, 200), (301, 302)),
        body="ok",
        keep=False,
    ),
)
A, NS, TXT = 1, 2, 16
TYPES = (A, TXT)


def sites() -> st.SearchStrategy[tuple[Site, ...]]:
    return subsets(SITES, least=1).flatmap(lambda names: st.tuples(*(_site(name) for name in names)))


def _site(name: str) -> st.SearchStrategy[Site]:
    return st.builds(
        Site,
        name=st.just(name),
        location=st.none() | locations(),
        tags=tags(),
        probe_allow=st.lists(networks(), max_size=2).map(tuple),
    )


def monitors() -> st.SearchStrategy[tuple[Monitor, ...]]:
    return st.tuples(*(_monitor(name) for name in MONITORS))


def _monitor(name: str) -> st.SearchStrategy[Monitor]:
    return st.builds(
        Monitor,
        name=st.just(name),
        port=st.integers(1, 65_535),
        interval_ms=st.integers(100, 60_000),
        timeout_ms=st.just(1000),
        fall=st.just(2),
        rise=st.just(3),
        ok=st.just(3),
        hold_ms=st.just(10_000),
        crash=st.booleans(),
        outside=st.none() | outsides(),
        down_after_ms=st.none() | st.integers(10_000, 86_400_000),
        probe=st.sampled_from(PROBES),
    )


def outsides(observers: Sequence[str] = SITES) -> st.SearchStrategy[Outside]:
    return st.builds(
        Outside,
        observers=subsets(observers),
        sites=st.integers(2, 4),
        quorum=st.none() | st.integers(2, 3),
        when=st.sampled_from(When),
    )


@st.composite
def endpoints(draw: st.DrawFn, name: str, hosts: bool) -> Endpoint:
    """With a host name or with one or two addresses."""
    families: tuple[st.SearchStrategy[IPAddress], ...] = draw(
        st.sampled_from([(v4_addresses(),), (v6_addresses(),), (v4_addresses(), v6_addresses())])
    )
    return Endpoint(
        name=name,
        addresses=() if hosts else tuple(draw(family) for family in families),
        host=Name.from_text(f"{name}.cdn.example.org") if hosts else None,
        probe=draw(st.none() | st.just("10.1.2.3")),
    )


@st.composite
def pools(draw: st.DrawFn, name: str, found: Sequence[Endpoint], site_names: Sequence[str]) -> Pool:
    """A pool of some of the endpoints."""
    members = draw(st.lists(st.sampled_from(found), unique_by=lambda endpoint: endpoint.name, max_size=4))
    return Pool(
        name=name,
        site=draw(st.none() | st.sampled_from(site_names)),
        members=tuple(
            Member(
                name=endpoint.name,
                endpoint=endpoint.name,
                weight=draw(st.integers(0, 4)),
                standby=draw(st.booleans()),
            )
            for endpoint in members
        ),
        monitor=draw(st.none() | st.sampled_from(MONITORS)),
        min_healthy=draw(
            st.builds(MinHealthy, value=st.integers(1, 3), percent=st.just(False))
            | st.builds(MinHealthy, value=st.integers(1, 100), percent=st.just(True))
        ),
        failback=draw(st.sampled_from([Failback(mode=mode, over_ms=60_000) for mode in FailbackMode])),
    )


@st.composite
def all_downs(draw: st.DrawFn, pool_names: Sequence[str], hosts: bool) -> AllDown:
    kinds = [kind for kind in AllDownKind if kind is not AllDownKind.ADDRESSES or not hosts]
    kind = draw(st.sampled_from(kinds))
    return AllDown(
        kind=kind,
        pool=draw(st.sampled_from(pool_names)) if kind is AllDownKind.POOL else None,
        addresses=(draw(v4_addresses()), draw(v6_addresses())) if kind is AllDownKind.ADDRESSES else (),
    )


@st.composite
def services(
    draw: st.DrawFn, label: str, policy_names: Sequence[str], pool_names: Sequence[str], hosts: bool
) -> Service:
    """A service that binds some of these pools, all of which hold addresses, or all host names."""
    zone = draw(st.sampled_from(APEXES))
    slots = draw(subsets(SLOTS))
    return Service(
        name=Name.from_text(label, zone),
        zone=zone,
        policy=draw(st.sampled_from(policy_names)),
        bindings=tuple((slot, draw(st.sampled_from(pool_names))) for slot in slots),
        monitor=draw(st.none() | st.sampled_from(MONITORS)),
        ttl_s=draw(st.integers(0, 3600)),
        answers=draw(st.integers(0, 3)),
        by_query=draw(st.booleans()),
        all_down=draw(all_downs(pool_names, hosts)),
    )


@st.composite
def zones(draw: st.DrawFn, apex: Name) -> Zone:
    """A zone with its name servers and some plain records at names that no service has."""
    server = Name.from_text("ns1", apex)
    owners = draw(st.lists(st.tuples(st.sampled_from(["ns1", "plain", "a.b"]), st.sampled_from(TYPES)), unique=True))
    plain = [
        RRset(
            name=Name.from_text(label, apex),
            rrtype=rrtype,
            ttl_s=draw(st.integers(0, 86_400)),
            rdatas=(draw(v4_addresses()).packed,) if rrtype == A else (b"\x05hello", b"\x02hi"),
        )
        for label, rrtype in owners
    ]
    return Zone(
        apex=apex,
        soa=Soa(
            mname=server,
            rname=Name.from_text("hostmaster.example.com"),
            refresh_s=7200,
            retry_s=900,
            expire_s=draw(st.integers(0, 1_209_600)),
            negative_ttl_s=draw(st.integers(0, 60)),
            ttl_s=3600,
        ),
        rrsets=(RRset(name=apex, rrtype=NS, ttl_s=3600, rdatas=(server.wire,)), *plain),
    )


@st.composite
def models(draw: st.DrawFn) -> Model:
    """A valid model: two zones and up to three sites, four pools, two policies and three services."""
    found_sites = draw(sites())
    site_names = [site.name for site in found_sites]
    found_endpoints = {
        hosts: [draw(endpoints(f"{'h' if hosts else 'e'}{index}", hosts)) for index in range(2 if hosts else 3)]
        for hosts in (False, True)
    }
    found_pools = {
        hosts: [
            draw(pools(f"{'cdn' if hosts else 'web'}-{index}", found, site_names)) for index in range(1 if hosts else 3)
        ]
        for hosts, found in found_endpoints.items()
    }
    found_policies = tuple(draw(policies(name)) for name in draw(subsets(("geo", "plain"), least=1)))
    found_services = []
    for label in draw(subsets(("www", "api", "shop"))):
        hosts = draw(st.booleans())
        pool_names = [pool.name for pool in found_pools[hosts]]
        policy_names = [policy.name for policy in found_policies]
        found_services.append(draw(services(label, policy_names, pool_names, hosts)))
    own = draw(st.lists(own_prefixes(), max_size=2))
    return Model(
        zones=tuple(draw(zones(apex)) for apex in APEXES),
        sites=found_sites,
        monitors=draw(monitors()),
        endpoints=(*found_endpoints[False], *found_endpoints[True]),
        pools=(*found_pools[False], *found_pools[True]),
        policies=found_policies,
        services=tuple(found_services),
        ecs=EcsTrust(
            networks=draw(st.lists(networks(), max_size=2).map(tuple)),
            own_prefixes=tuple(prefix.network for prefix in own),
        ),
        geo=GeoSources(databases=draw(st.sampled_from([(), ("city.mmdb",)])), prefixes=tuple(own)),
        dns=DnsSettings(
            rate_limit=draw(st.none() | rate_limits()), max_nocookie_response=draw(st.none() | st.integers(128, 1232))
        ),
    )


def rate_limits() -> st.SearchStrategy[RateLimit]:
    rates = st.integers(1, MAX_ANSWERS_PER_SECOND)
    return st.builds(
        RateLimit,
        answers=rates,
        nxdomain=rates,
        errors=rates,
        client=rates,
        slip=st.integers(0, MAX_SLIP),
        exempt=st.lists(networks(), max_size=2).map(tuple),
    )


def own_prefixes() -> st.SearchStrategy[OwnPrefix]:
    return st.builds(
        OwnPrefix,
        network=networks(),
        tags=tags(),
        country=st.none() | st.sampled_from(["DE", "US"]),
        location=st.none() | locations(),
    )


@st.composite
def geo_tables(draw: st.DrawFn) -> GeoTable:
    """Some ranges of PLACES."""
    v4 = draw(range_maps(CLASS_V4_BITS, len(PLACES)))
    v6 = draw(range_maps(CLASS_V6_BITS, len(PLACES)))
    return GeoTable(
        v4=v4,
        v6=v6,
        ecs_v4=coarsened(v4, ECS_V4_BITS, CLASS_V4_BITS),
        ecs_v6=coarsened(v6, ECS_V6_BITS, CLASS_V6_BITS),
        places=PLACES,
    )


def orders() -> st.SearchStrategy[Order]:
    number = st.integers(0, (1 << 64) - 1)
    return st.builds(Order, incarnation=number, config=number, directive=number)


def earlier_layouts() -> st.SearchStrategy[tuple[Layout, ...]]:
    """Layouts of revisions before."""
    target = st.builds(
        Target,
        endpoint=st.sampled_from(["e0", "gone"]),
        monitor=st.sampled_from(MONITORS),
        address=st.just("192.0.2.1"),
        home=st.sampled_from(["", *SITES]),
    )
    targets = st.lists(target, max_size=3, unique=True).map(lambda found: tuple(sorted(found)))
    return st.lists(st.builds(Layout, site=st.sampled_from(SITES), targets=targets), max_size=4).map(tuple)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """What some model compiles to."""
    model = draw(models())
    return compile_snapshot(
        model,
        class_maps(model, draw(geo_tables())),
        order=draw(orders()),
        serials={zone.apex: draw(st.integers(0, (1 << 32) - 1)) for zone in model.zones},
        earlier=draw(earlier_layouts()),
        seed=draw(st.integers(0, (1 << 64) - 1)),
    )
