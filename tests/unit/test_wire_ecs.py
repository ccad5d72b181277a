"""ECS on the wire (RFC 7871), asked of both engines.

That answered prefixes never overlap (7.2.1) is `tests/property/test_answer_ecs_overlap.py`.
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, ip_network

import dns.edns
import dns.message
import dns.rcode
import pytest
from support.dnsworld import RESOLVER, addresses, answered, ask, query_for, scope_of


def ecs_query(data: bytes, name: str = "host.example.test") -> bytes:
    query = query_for(name, "A", use_edns=0)
    query.use_edns(0, options=[dns.edns.GenericOption(8, data)])
    return query.to_wire()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\x03\x00\x00",
        b"\x00\x01\x18\x00\x51\x02",
        b"\x00\x01\x11\x00\x51\x02\xff",
        b"\x00\x01\x18\x18\x51\x02\x45",
    ],
    ids=["empty", "family", "octets", "bits", "scope"],
)
def test_malformed_ecs_is_formerr_with_opt_and_without_ecs(data: bytes) -> None:
    """RFC 7871 7.2.1 (family), 6 (octets, bits, scope)."""
    result = answered(ecs_query(data))
    reply = dns.message.from_wire(result.message)
    assert (reply.rcode(), reply.edns, reply.options) == (dns.rcode.FORMERR, 0, ())
    assert (result.refusal, result.ecs) == ("ecs", False)


@pytest.mark.parametrize(
    ("name", "rrtype", "rcode"),
    [
        ("www.example.test", "A", dns.rcode.NOERROR),
        ("nothing.example.test", "A", dns.rcode.NXDOMAIN),
        ("host.example.test", "AAAA", dns.rcode.NOERROR),
        ("www.sub.example.test", "A", dns.rcode.NOERROR),
        ("www.elsewhere.test", "A", dns.rcode.REFUSED),
        ("failing.example.test", "A", dns.rcode.SERVFAIL),
        ("example.test", "AXFR", dns.rcode.REFUSED),
        ("big.example.test", "TXT", dns.rcode.NOERROR),
    ],
)
def test_every_reply_to_an_ecs_query_has_the_option_and_no_other(name: str, rrtype: str, rcode: int) -> None:
    """RFC 7871 7.2.1, 7.2.2."""
    reply = ask(name, rrtype, "81.2.69.0/24")
    assert reply.rcode() == rcode
    assert [(o.family, o.srclen, o.address) for o in reply.options if o.otype == 8] == [(1, 24, "81.2.69.0")]
    assert scope_of(ask(name, rrtype, use_edns=0)) is None
    assert scope_of(ask(name, rrtype)) is None


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x01\x00\x00",
        b"\x00\x02\x00\x00",
        b"\x00\x00\x00\x00",
        b"\x00\x01\x07\x00\x50",
        b"\x00\x01\x20\x00\x51\x02\x45\x8e",
        b"\x00\x02\x80\x00" + bytes(range(0x20, 0x30)),
    ],
    ids=["v4 /0", "v6 /0", "family 0", "v4 /7", "v4 /32", "v6 /128"],
)
def test_family_source_and_address_are_echoed_exactly(data: bytes) -> None:
    """RFC 7871 7.2.1, 11.2. And source 0 is never refused, family 0 with it accepted (7.5)."""
    result = answered(ecs_query(data, "www.example.test"))
    assert result.rcode == dns.rcode.NOERROR
    option = result.message[-len(data) - 4 :]
    assert option[:7] == b"\x00\x08" + struct.pack("!H", len(data)) + data[:3]
    assert option[8:] == data[4:]


def test_with_source_0_the_resolvers_address_decides() -> None:
    """RFC 7871 7.5: whoever asks so wants nobody to know more of the client."""
    (by_resolver,) = addresses(ask("www.example.test", "A", client="81.2.69.142"))
    assert addresses(ask("www.example.test", "A")) != [by_resolver]
    for data in (b"\x00\x01\x00\x00", b"\x00\x00\x00\x00", b"\x00\x02\x00\x00"):
        result = answered(ecs_query(data, "www.example.test"), client="81.2.69.142")
        assert IPv4Address(by_resolver).packed in result.message
        assert result.message.endswith(data)


def test_longer_prefixes_than_24_and_56_are_cut() -> None:
    """RFC 7871 11.1."""
    replies = [ask("mixed.example.test", "A", f"81.2.69.{host}/32") for host in range(0, 256, 17)]
    assert len({tuple(addresses(reply)) for reply in replies}) == 1
    assert {scope_of(reply) for reply in replies} == {24}
    assert scope_of(ask("mixed.example.test", "A", "2a02:ffc0::1/128")) == 56


def test_a_private_prefix_is_answered_by_the_resolvers_address_for_itself_alone() -> None:
    """RFC 7871 10: many networks use it, so it counts only where the configuration says whose it is."""
    for prefix in ("192.168.7.0/24", "100.64.1.0/24", "fd00:1::/48", "10.2.0.0/16"):
        for resolver in (RESOLVER, "203.0.113.99"):
            reply = ask("mixed.example.test", "A", prefix, client=resolver)
            assert addresses(reply) == addresses(ask("mixed.example.test", "A", client=resolver))
            assert scope_of(reply) == (24 if ip_network(prefix).version == 4 else 56)


@pytest.mark.parametrize(
    ("name", "rrtype"), [("host.example.test", "A"), ("nothing.example.test", "A"), ("www.sub.example.test", "A")]
)
def test_where_the_prefix_plays_no_part_the_scope_is_0(name: str, rrtype: str) -> None:
    """RFC 7871 12.1 (unused), 7.4 (negatives and referrals)."""
    for prefix in ("81.2.69.0/24", "2a02:ffc0::/56"):
        assert scope_of(ask(name, rrtype, prefix)) == 0
    assert scope_of(ask("www.example.test", "A", "81.2.69.0/24")) not in (0, None)
