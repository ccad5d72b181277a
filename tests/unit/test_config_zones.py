"""Zones: SOA and NS, plain records of any type, zone files."""

from __future__ import annotations

from gslb.config import BundleSource, Loaded, load
from gslb.core.model import RRset, Soa, Zone
from gslb.core.names import Name

ZONE_FILE = r"""
$TTL 1h
@       IN SOA ns1 dns\.admin ( 2026010101 ; the serial is not used
        1h 15m
        2w 30 )
        NS   ns1                        ; the owner before
        60 IN NS ns2.other.example.
ns1     IN 300 A 192.0.2.53
        AAAA 2001:db8::53
"odd"   TXT  "a;b" (c
        d)
x\.y    TYPE65280 \# 2 abcd
$ORIGIN sub
w       HTTPS 1 . alpn="h2,h3"
$INCLUDE more/inner.zone in
v       A 192.0.2.2
"""
INNER = "i A 192.0.2.3\n$ORIGIN elsewhere.example.\n"


def read(text: str, **files: str) -> Loaded:
    return load(BundleSource({path: body.encode() for path, body in ({"m": text} | files).items()}), "m")


def zone(body: str) -> Zone:
    return read(
        f"zones: [{{name: G.example, nameservers: ns1.other.example, contact: a@b.example, {body}}}]"
    ).model.zones[0]


def rrset(found: Zone, name: str, rrtype: int) -> RRset:
    return next(s for s in found.rrsets if s.name == Name.from_text(name, found.apex) and s.rrtype == rrtype)


def test_the_soa_is_made_of_nameservers_and_contact() -> None:
    found = read(
        "zones: [{name: g.example, nameservers: [n1.o.example, n2.o.example], contact: a.b@c.example}]"
    ).model.zones[0]
    assert found.soa == Soa(
        mname=Name.from_text("n1.o.example"),
        rname=Name.from_text(r"a\.b.c.example"),
        refresh_s=7200,
        retry_s=900,
        expire_s=1_209_600,
        negative_ttl_s=10,
        ttl_s=3600,
    )
    names = rrset(found, "@", 2)
    assert names.rdatas == (Name.from_text("n1.o.example").wire, Name.from_text("n2.o.example").wire)
    assert names.ttl_s == 3600


def test_records_have_300_seconds_unless_they_say_otherwise() -> None:
    found = zone(
        "records: [{name: a, type: A, data: 192.0.2.1}, {name: b, type: a, data: [192.0.2.1, 192.0.2.2], ttl: 5m}]"
    )
    assert rrset(found, "a", 1).ttl_s == 300
    assert rrset(found, "b", 1).rdatas == (b"\xc0\x00\x02\x01", b"\xc0\x00\x02\x02")


def test_records_of_one_name_and_type_are_one_set_with_the_lowest_ttl() -> None:
    found = zone("records: [{name: a, type: A, data: 192.0.2.1}, {name: a, type: A, data: 192.0.2.2, ttl: 60s}]")
    assert rrset(found, "a", 1).ttl_s == 60
    assert len(rrset(found, "a", 1).rdatas) == 2


def test_text_needs_no_quotes_and_is_cut_into_strings() -> None:
    found = zone(f"records: [{{name: a, type: TXT, data: [v=spf1 -all, {'x' * 300}, '\"a\" \"b\"', 'é;']}}]")
    rdatas = rrset(found, "a", 16).rdatas
    assert rdatas[0] == b"\x0bv=spf1 -all"
    assert rdatas[1] == b"\xff" + b"x" * 255 + b"\x2d" + b"x" * 45
    assert rdatas[2:] == (b"\x01a\x01b", b"\x03\xc3\xa9;")


def test_names_in_records_are_relative_to_the_zone() -> None:
    found = zone(
        "records: [{name: '@', type: MX, data: [10 mail, 20 mail.other.example.]}, "
        "{name: '*.w.g.example.', type: A, data: 192.0.2.1}]"
    )
    assert rrset(found, "@", 15).rdatas == (
        b"\0\x0a\x04mail\x01g\x07example\0",
        b"\0\x14\x04mail\x05other\x07example\0",
    )
    assert rrset(found, "*.w", 1)


def test_unknown_types_are_written_as_rfc_3597_says() -> None:
    found = zone(
        r"records: [{name: a, type: TYPE65280, data: '\# 3 010203'}, {name: b, type: A, data: '\# 4 c0000201'}]"
    )
    assert rrset(found, "a", 65280).rdatas == (b"\1\2\3",)
    assert rrset(found, "b", 1).rdatas == (b"\xc0\0\2\1",)


def test_a_zone_file_brings_its_own_soa_and_names() -> None:
    loaded = read("zones: [{name: g.example, file: z/g.zone}]", **{"z/g.zone": ZONE_FILE, "z/more/inner.zone": INNER})
    assert loaded.files == ("m", "z/g.zone", "z/more/inner.zone")
    found = loaded.model.zones[0]
    assert found.soa == Soa(
        mname=Name.from_text("ns1.g.example"),
        rname=Name.from_text(r"dns\.admin.g.example"),
        refresh_s=3600,
        retry_s=900,
        expire_s=1_209_600,
        negative_ttl_s=30,
        ttl_s=3600,
    )
    assert len(rrset(found, "@", 2).rdatas) == 2
    assert rrset(found, "@", 2).ttl_s == 60
    assert rrset(found, "ns1", 1).ttl_s == 300
    assert rrset(found, "ns1", 28).ttl_s == 3600
    assert rrset(found, '"odd"', 16).rdatas == (b"\x03a;b\x01c\x01d",)
    assert rrset(found, r"x\.y", 65280).rdatas == (b"\xab\xcd",)
    assert rrset(found, "w.sub", 65).rdatas == (b"\0\1\0\0\1\0\6\2h2\2h3",)
    assert rrset(found, "i.in.sub", 1)
    assert rrset(found, "v.sub", 1), "the origin of an included file does not outlive it"


def test_the_configuration_goes_before_the_zone_files_soa() -> None:
    text = "zones: [{name: g.example, file: f, contact: x@y.example, negative_ttl: 5s}]"
    soa = read(text, f="@ SOA n.o.example. r 1 2 3 4 5\n@ NS n.o.example.\n").model.zones[0].soa
    assert (str(soa.rname), soa.negative_ttl_s, soa.refresh_s) == ("x.y.example", 5, 2)


def test_a_zone_file_is_read_for_each_name_of_the_zone() -> None:
    text = "zones: [{names: [a.example, b.example], nameservers: n.o.example, contact: x@y.example, file: f}]"
    zones = read(text, f="www A 192.0.2.1\n").model.zones
    assert [str(found.rrsets[1].name) for found in zones] == ["www.a.example", "www.b.example"]
    assert zones[0].rrsets[1].ttl_s == 300


def test_ttls_in_a_zone_file_carry_on() -> None:
    text = "zones: [{name: g.example, nameservers: n.o.example, contact: x@y.example, file: f}]"
    found = read(text, f="a A 192.0.2.1\nb 77 A 192.0.2.1\nc A 192.0.2.1\n$TTL 5\nd A 192.0.2.1\n").model.zones[0]
    assert [rrset(found, name, 1).ttl_s for name in "abcd"] == [300, 77, 77, 5]
