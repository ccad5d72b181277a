"""What the snapshot codec refuses, by name, and how large maps travel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from ipaddress import IPv4Address

import pytest

from gslb.api.v1 import snapshot_pb2 as pb
from gslb.codec.chunks import MAX_CHUNK_BYTES
from gslb.codec.ranges import dump_ranges, load_ranges
from gslb.codec.snapshot import Bundle, dump_snapshot, load_snapshot, refs
from gslb.core.errors import InvalidSnapshot
from gslb.core.layouts import Layout, Target
from gslb.core.model import (
    AllDown,
    AllDownKind,
    EcsTrust,
    Endpoint,
    GeoSources,
    Member,
    MinHealthy,
    Model,
    Policy,
    Pool,
    RRset,
    Service,
    Site,
    Soa,
    Zone,
)
from gslb.core.names import Name
from gslb.core.order import Order
from gslb.core.snapshot import ClassMap, RangeMap, Snapshot
from gslb.core.steering.stages.weighted import Weighted

APEX = Name.from_text("gslb.example.com")
WHOLE = RangeMap((0,), (0,))


def small() -> Snapshot:
    """One service on one pool with one member."""
    site = Site(name="eu", location=None, tags=(), probe_allow=())
    endpoint = Endpoint(name="e1", addresses=(IPv4Address("192.0.2.1"),), host=None, probe=None)
    pool = Pool(
        name="web",
        site="eu",
        members=(Member(name="e1", endpoint="e1", weight=1, standby=False),),
        monitor=None,
        min_healthy=MinHealthy(value=1, percent=False),
    )
    service = Service(
        name=Name.from_text("www", APEX),
        zone=APEX,
        policy="plain",
        bindings=(("web", "web"),),
        monitor=None,
        ttl_s=20,
        answers=1,
        by_query=False,
        all_down=AllDown(kind=AllDownKind.SERVE_ALL),
    )
    soa = Soa(mname=APEX, rname=APEX, refresh_s=1, retry_s=1, expire_s=1, negative_ttl_s=1, ttl_s=1)
    plain = RRset(name=Name.from_text("plain", APEX), rrtype=16, ttl_s=60, rdatas=(b"\x02hi",))
    model = Model(
        zones=(Zone(apex=APEX, soa=soa, rrsets=(plain,)),),
        sites=(site,),
        monitors=(),
        endpoints=(endpoint,),
        pools=(pool,),
        policies=(Policy(name="plain", slots=("web",), stages=(Weighted(),)),),
        services=(service,),
        ecs=EcsTrust(networks=(), own_prefixes=()),
        geo=GeoSources(databases=(), prefixes=()),
    )
    classes = ClassMap(
        keys=(("",),), labels=("all other clients",), ecs_v4=WHOLE, ecs_v6=WHOLE, full_v4=WHOLE, full_v6=WHOLE
    )
    return Snapshot(
        order=Order(1, 2, 3),
        model=model,
        serials={APEX: 7},
        classes={"plain": classes},
        layouts=(Layout(site="eu", targets=()),),
        seed=5,
    )


def forged(change: Callable[[pb.Chunk], object]) -> Bundle:
    """`small()` with its content changed and everything digested again, as one chunk."""
    bundle = dump_snapshot(small())
    whole = pb.Chunk()
    for ref in refs(bundle.manifest):
        whole.MergeFromString(bundle.chunks[ref.digest])
    change(whole)
    content = whole.SerializeToString()
    manifest = pb.Manifest(seed=5)
    manifest.chunks.add(digest=sha256(content).digest(), size_bytes=len(content))
    return Bundle(manifest.SerializeToString(), {sha256(content).digest(): content})


def set_field(name: str, value: object) -> Callable[[object], None]:
    return lambda message: setattr(message, name, value)


FORGERIES: dict[str, tuple[Callable[[pb.Chunk], object], str]] = {
    "binding to no pool": (lambda c: set_field("pool", "gone")(c.services[0].bindings[0]), "pool 'gone'"),
    "slot twice": (lambda c: c.services[0].bindings.add(slot="web", pool="web"), "is there twice"),
    "service of no policy": (lambda c: set_field("policy", "gone")(c.services[0]), "policy 'gone'"),
    "service of no zone": (lambda c: set_field("zone", b"\x03com\x00")(c.services[0]), "in no zone"),
    "service outside its zone": (lambda c: set_field("name", b"\x03com\x00")(c.services[0]), "in no zone"),
    "service twice": (lambda c: c.services.append(c.services[0]), "is there twice"),
    "service of no monitor": (lambda c: set_field("monitor", "gone")(c.services[0]), "monitor 'gone'"),
    "all_down of no kind": (lambda c: set_field("kind", 99)(c.services[0].all_down), "all_down"),
    "all_down pool without pool": (lambda c: set_field("kind", 2)(c.services[0].all_down), "all_down"),
    "pool at no site": (lambda c: set_field("site", "gone")(c.pools[0]), "site 'gone'"),
    "pool with 101 %": (
        lambda c: c.pools[0].MergeFrom(pb.PoolData(min_healthy=101, min_healthy_percent=True)),
        "101 %",
    ),
    "member of no endpoint": (lambda c: set_field("endpoint", "gone")(c.pools[0].members[0]), "endpoint 'gone'"),
    "endpoint of nothing": (lambda c: c.endpoints[0].ClearField("addresses"), "either addresses or a host"),
    "endpoint of both": (lambda c: set_field("host", b"\x01a\x00")(c.endpoints[0]), "either addresses or a host"),
    "endpoint with a short address": (lambda c: c.endpoints[0].addresses.append(b"123"), "3 octets"),
    "endpoint with two v4 addresses": (lambda c: c.endpoints[0].addresses.append(b"1234"), "one family"),
    "layout of no site": (lambda c: set_field("site", "gone")(c.layouts[0]), "site 'gone'"),
    "layout of nothing": (lambda c: set_field("site", "")(c.layouts[0]), "names no site"),
    "site off the globe": (lambda c: set_field("latitude", 91.0)(c.sites[0].location), "globe"),
    "site nowhere at all": (lambda c: set_field("longitude", float("nan"))(c.sites[0].location), "globe"),
    "site with a bad prefix": (lambda c: c.sites[0].probe_allow.append("10.0.0.1/8"), "not a prefix"),
    "zone twice": (lambda c: c.zones.append(c.zones[0]), "is there twice"),
    "zone without SOA": (lambda c: c.zones[0].ClearField("soa"), "before its SOA"),
    "records outside their zone": (lambda c: set_field("name", b"\x03com\x00")(record_set(c)), "not within"),
    "records of type 0": (lambda c: set_field("rrtype", 0)(record_set(c)), "does not exist"),
    "no records": (lambda c: record_set(c).ClearField("rdatas"), "empty record set"),
    "hardly any octets without a cookie": (lambda c: set_nocookie(c, 127), "out of range"),
    "too many octets without a cookie": (lambda c: set_nocookie(c, 1233), "out of range"),
    "a rate limit of nothing": (lambda c: c.dns.rate_limit.SetInParent(), "out of range"),
    "a rate limit without a prefix": (lambda c: c.dns.rate_limit.CopyFrom(rate_limit("x")), "not a prefix"),
    "too many exempt prefixes": (
        lambda c: c.dns.rate_limit.CopyFrom(rate_limit(*["10.0.0.0/8"] * 10_001)),
        "10001 prefixes are exempt",
    ),
    "a record that is too long": (lambda c: record_set(c).rdatas.append(bytes(65_536)), "65,535"),
    "a TTL that is too long": (lambda c: set_field("ttl_s", 1 << 31)(record_set(c)), "TTL"),
    "a name in capitals": (lambda c: set_field("name", b"\x01A\x00")(record_set(c)), "lower-case"),
    "a name that is cut off": (lambda c: set_field("name", b"\x05ab")(record_set(c)), "wire form"),
    "no stage": (lambda c: c.policies[0].ClearField("stages"), "one sharing stage"),
    "a stage that is not known": (lambda c: set_field("kind", "oracle")(c.policies[0].stages[0]), "'oracle'"),
    "parameters that are not JSON": (lambda c: set_field("parameters", "{")(c.policies[0].stages[0]), "JSON"),
    "two sharing stages": (lambda c: c.policies[0].stages.append(c.policies[0].stages[0]), "one sharing stage"),
    "a stage with a slot that is not there": (
        lambda c: set_field("parameters", '{"weights":[["gone",1]]}')(c.policies[0].stages[0]),
        "no slot 'gone'",
    ),
    "a class with too many keys": (lambda c: class_data(c).keys.append(""), "has 1 stages"),
    "a map of no policy": (lambda c: set_field("policy", "gone")(c.ranges[0]), "'gone'"),
    "a map of no class": (
        lambda c: c.ranges[0].classes.__setitem__(0, 1),
        "its policy does not have",
    ),
    "a map with more classes than starts": (lambda c: c.ranges[0].classes.append(0), "differ in number"),
    "a map that is cut off": (lambda c: set_field("deltas", b"\x81")(c.ranges[0]), "cut off"),
    "a map that begins at 1": (
        lambda c: c.ranges[0].MergeFrom(pb.RangePiece(deltas=b"\x01", unit_bits=8)),
        "begin at 0",
    ),
    "a map with blocks longer than ECS has": (lambda c: set_field("unit_bits", 25)(c.ranges[0]), "/24"),
    "a map without end": (lambda c: set_field("deltas", b"\xff" * 1000)(c.ranges[0]), "longer than any address"),
    "no map": (lambda c: c.ClearField("ranges"), "begin at 0"),
    "no end": (lambda c: c.ClearField("ecs"), "cut off"),
}


def set_nocookie(chunk: pb.Chunk, octets: int) -> None:
    chunk.dns.max_nocookie_response = octets


def rate_limit(*exempt: str) -> pb.RateLimitData:
    return pb.RateLimitData(answers=1, nxdomain=1, errors=1, client=1, exempt=exempt)


def record_set(chunk: pb.Chunk) -> pb.RRsetData:
    return next(zone.rrsets[0] for zone in chunk.zones if zone.rrsets)


def class_data(chunk: pb.Chunk) -> pb.ClassData:
    return next(policy.classes[0] for policy in chunk.policies if policy.classes)


def test_the_example_itself_is_fine() -> None:
    bundle = forged(lambda _: None)
    assert load_snapshot(bundle.manifest, bundle.chunks).model == small().model


@pytest.mark.parametrize("case", FORGERIES)
def test_refuses(case: str) -> None:
    change, reason = FORGERIES[case]
    bundle = forged(change)
    with pytest.raises(InvalidSnapshot, match=reason):
        load_snapshot(bundle.manifest, bundle.chunks)


def test_refuses_chunks_larger_than_allowed_before_looking_for_them() -> None:
    manifest = pb.Manifest()
    manifest.chunks.add(digest=bytes(32), size_bytes=MAX_CHUNK_BYTES + 1)
    with pytest.raises(InvalidSnapshot, match="bad digest or size"):
        refs(manifest.SerializeToString())


def test_refuses_to_dump_one_item_that_no_chunk_holds() -> None:
    snapshot = small()
    policy = replace(snapshot.model.policies[0], slots=("x" * MAX_CHUNK_BYTES,))
    with pytest.raises(InvalidSnapshot, match="split it"):
        dump_snapshot(replace(snapshot, model=replace(snapshot.model, policies=(policy,))))


def test_a_large_layout_is_spread_over_several_chunks() -> None:
    targets = tuple(
        Target(endpoint=f"endpoint-{index}", monitor="web" * 10, address="2001:db8::1") for index in range(20_000)
    )
    snapshot = replace(small(), layouts=(Layout(site="eu", targets=targets),))
    bundle = dump_snapshot(snapshot)
    assert sum(map(len, bundle.chunks.values())) > MAX_CHUNK_BYTES
    assert max(map(len, bundle.chunks.values())) <= MAX_CHUNK_BYTES
    assert load_snapshot(bundle.manifest, bundle.chunks).layouts == snapshot.layouts


def large_map(ranges: int, width: int, gap: int) -> RangeMap:
    return RangeMap(tuple(index * gap for index in range(ranges)), tuple(index % 3 for index in range(ranges)))


@pytest.mark.parametrize(("width", "gap"), [(32, 256 * 7), (128, 3 << 72), (128, 5)])
def test_a_large_map_travels_in_pieces(width: int, gap: int) -> None:
    ranges = large_map(30_000, width, gap)
    pieces = list(dump_ranges("p", pb.RANGE_KIND_FULL_V6, ranges, width))
    assert len(pieces) > 2
    assert load_ranges(pieces, width, width, 3) == ranges


def test_one_more_range_changes_one_piece_or_two() -> None:
    before = large_map(60_000, 32, 256 * 7)
    at = 30_000
    after = RangeMap(
        (*before.starts[:at], before.starts[at] - 256, *before.starts[at:]),
        (*before.classes[:at], 3, *before.classes[at:]),
    )
    old = {piece.SerializeToString() for piece in dump_ranges("p", pb.RANGE_KIND_FULL_V4, before, 32)}
    new = {piece.SerializeToString() for piece in dump_ranges("p", pb.RANGE_KIND_FULL_V4, after, 32)}
    assert len(old) > 5
    assert 1 <= len(new - old) <= 2
