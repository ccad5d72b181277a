"""The rules of DNS on the wire: header, size, EDNS, ECS, each with its source."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, ip_network

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import pytest
from support.dnsworld import RESOLVER, addresses, ask, ask_wire, query_for, scope_of

from gslb.core.answering.answer import Answered, Dropped, answer
from gslb.core.answering.source import Client, Transport

HEADER = struct.Struct("!6H")


def answered(packet: bytes, *, tcp: bool = False) -> Answered:
    result = ask_wire(packet, tcp=tcp)
    assert isinstance(result, Answered)
    return result


def with_flags(flags: int) -> bytes:
    query = query_for("host.example.test", "A").to_wire()
    return query[:2] + struct.pack("!H", flags) + query[4:]


# Header


@pytest.mark.parametrize("packet", [b"", b"\x00" * 11, with_flags(0x8000)], ids=["empty", "11 octets", "QR=1"])
def test_not_a_query_gets_no_reply(packet: bytes) -> None:
    assert isinstance(ask_wire(packet), Dropped)


def test_formerr_is_a_header_with_the_packets_id_and_rd() -> None:
    packet = HEADER.pack(0xBEEF, 0x0100, 2, 0, 0, 0) + b"\x00\x00\x01\x00\x01" * 2
    result = answered(packet)
    assert result.message == HEADER.pack(0xBEEF, 0x8101, 0, 0, 0, 0)
    assert (result.rcode, result.refusal) == (1, "question count")


@pytest.mark.parametrize("opcode", [2, 4, 5, 9])
def test_notify_update_and_unknown_opcodes_are_notimp(opcode: int) -> None:
    reply = answered(HEADER.pack(1, opcode << 11 | 0x0100, 1, 0, 0, 0) + b"\x00\x00\x06\x00\x01")
    assert HEADER.unpack(reply.message) == (1, 0x8104 | opcode << 11, 0, 0, 0, 0)


def test_a_cookie_without_a_question_is_formerr_as_cookies_are_not_served() -> None:
    opt = b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x0c\x00\x0a\x00\x0812345678"
    result = answered(HEADER.pack(1, 0, 0, 0, 0, 1) + opt)
    assert (result.rcode, result.refusal) == (dns.rcode.FORMERR, "question count")


@pytest.mark.parametrize("rrclass", ["CH", "HS", "NONE", "ANY"])
def test_classes_other_than_in_are_refused(rrclass: str) -> None:
    for name in ("version.bind", "id.server", "host.example.test"):
        query = dns.message.make_query(name, "TXT", rdclass=rrclass)
        reply = dns.message.from_wire(answered(query.to_wire()).message)
        assert reply.rcode() == dns.rcode.REFUSED
        assert query.is_response(reply)


def test_rd_is_copied_and_ra_ad_cd_z_and_tc_are_clear() -> None:
    reply = answered(with_flags(0x0100 | 0x0200 | 0x0400 | 0x0070 | 0x0080 | 0x000F))
    (flags,) = struct.unpack_from("!H", reply.message, 2)
    assert flags == 0x8000 | 0x0400 | 0x0100
    (flags,) = struct.unpack_from("!H", answered(with_flags(0x0000)).message, 2)
    assert flags == 0x8000 | 0x0400


def test_aa_on_our_data_and_not_on_referrals() -> None:
    assert ask("host.example.test", "A").flags & dns.flags.AA
    assert ask("nothing.example.test", "A").flags & dns.flags.AA
    assert not ask("www.sub.example.test", "A").flags & dns.flags.AA
    assert not ask("www.elsewhere.test", "A").flags & dns.flags.AA


def test_the_questions_case_comes_back_and_the_answer_points_to_it() -> None:
    query = dns.message.make_query("hOsT.eXAMPLE.tesT", "A")
    message = answered(query.to_wire()).message
    end = 12 + len(b"\x04host\x07example\x04test\x00") + 4
    assert message[12:end] == query.to_wire()[12:end]
    assert message[end : end + 2] == b"\xc0\x0c"


def test_the_negative_soa_points_into_the_question() -> None:
    message = answered(dns.message.make_query("x.eXAMPLE.tesT", "A").to_wire()).message
    end = 12 + len(b"\x01x\x07example\x04test\x00") + 4
    assert message[end : end + 2] == b"\xc0\x0e"


def test_names_may_hold_any_octets() -> None:
    name = b"\x05a.\x00\xff\x20\x07example\x04test\x00"
    result = answered(HEADER.pack(1, 0, 1, 0, 0, 0) + name + b"\x00\x01\x00\x01")
    assert result.rcode == dns.rcode.NXDOMAIN
    assert result.message[12 : 12 + len(name)] == name


# Size


@pytest.mark.parametrize(
    ("payload", "limit"), [(None, 512), (0, 512), (512, 512), (700, 700), (1232, 1232), (4096, 1232), (65_535, 1232)]
)
def test_udp_replies_stay_below_the_clients_size_and_1232(payload: int | None, limit: int) -> None:
    for name, rrtype in (("big.example.test", "TXT"), ("www.wide.example.test", "A"), ("example.test", "NS")):
        options = {} if payload is None else {"use_edns": 0, "payload": payload}
        result = answered(query_for(name, rrtype, **options).to_wire())
        assert len(result.message) <= limit
        reply = dns.message.from_wire(result.message)
        assert result.truncated == bool(reply.flags & dns.flags.TC)
        if result.truncated:
            assert not reply.answer
            assert not reply.authority
            assert len(reply.question) == 1
            assert (reply.edns == 0) == (payload is not None)


def test_truncated_answers_are_whole_over_tcp() -> None:
    assert answered(query_for("big.example.test", "TXT").to_wire()).truncated
    result = answered(query_for("big.example.test", "TXT").to_wire(), tcp=True)
    assert not result.truncated
    assert len(dns.message.from_wire(result.message).answer[0]) == 40


# EDNS


def test_no_opt_unless_asked() -> None:
    assert ask("host.example.test", "A").edns == -1
    reply = ask("host.example.test", "A", use_edns=0)
    assert (reply.edns, reply.payload, reply.ednsflags, reply.options) == (0, 1232, 0, ())


def test_do_is_echoed_and_other_flags_are_cleared() -> None:
    query = query_for("host.example.test", "A", use_edns=0)
    query.ednsflags |= 0xFFFF
    reply = dns.message.from_wire(answered(query.to_wire()).message)
    assert reply.ednsflags == dns.flags.DO


def test_unknown_options_are_ignored() -> None:
    options = [dns.edns.GenericOption(65_001, b"what"), dns.edns.CookieOption(b"12345678", b"")]
    reply = ask("host.example.test", "A", use_edns=0)
    query = query_for("host.example.test", "A", use_edns=0)
    query.use_edns(0, options=options)
    assert dns.message.from_wire(answered(query.to_wire()).message).answer == reply.answer
    assert dns.message.from_wire(answered(query.to_wire()).message).options == ()


@pytest.mark.parametrize("version", [1, 255])
def test_later_edns_versions_are_badvers_without_an_answer(version: int) -> None:
    """Options of a version that nobody knows mean nothing, not even ECS."""
    packet = bytearray(query_for("www.example.test", "A", "81.2.69.0/24").to_wire())
    option, flags_and_length = 11, 4
    packet[-option - flags_and_length - 1] = version
    reply = dns.message.from_wire(answered(bytes(packet)).message)
    assert (reply.rcode(), reply.edns, reply.answer, reply.options) == (dns.rcode.BADVERS, 0, [], ())


def test_two_opt_records_are_formerr() -> None:
    packet = bytearray(query_for("host.example.test", "A", use_edns=0).to_wire())
    packet[11] = 2
    assert answered(bytes(packet) + packet[-11:]).rcode == dns.rcode.FORMERR


# ECS


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
    """And source 0 is never refused (RFC 7871 7.5)."""
    result = answered(ecs_query(data, "www.example.test"))
    assert result.rcode == dns.rcode.NOERROR
    option = result.message[-len(data) - 4 :]
    assert option[:7] == b"\x00\x08" + struct.pack("!H", len(data)) + data[:3]
    assert option[8:] == data[4:]


def test_with_source_0_the_resolvers_address_decides() -> None:
    (by_resolver,) = addresses(ask("www.example.test", "A", client="81.2.69.142"))
    assert addresses(ask("www.example.test", "A")) != [by_resolver]
    for data in (b"\x00\x01\x00\x00", b"\x00\x00\x00\x00", b"\x00\x02\x00\x00"):
        result = ask_wire(ecs_query(data, "www.example.test"), client="81.2.69.142")
        assert isinstance(result, Answered)
        assert IPv4Address(by_resolver).packed in result.message
        assert result.message.endswith(data)


def test_longer_prefixes_than_24_and_56_are_cut() -> None:
    replies = [ask("mixed.example.test", "A", f"81.2.69.{host}/32") for host in range(0, 256, 17)]
    assert len({tuple(addresses(reply)) for reply in replies}) == 1
    assert {scope_of(reply) for reply in replies} == {24}
    assert scope_of(ask("mixed.example.test", "A", "2a02:ffc0::1/128")) == 56


def test_a_private_prefix_is_answered_by_the_resolvers_address_for_itself_alone() -> None:
    for prefix in ("192.168.7.0/24", "100.64.1.0/24", "fd00:1::/48", "10.2.0.0/16"):
        for resolver in (RESOLVER, "203.0.113.99"):
            reply = ask("mixed.example.test", "A", prefix, client=resolver)
            assert addresses(reply) == addresses(ask("mixed.example.test", "A", client=resolver))
            assert scope_of(reply) == (24 if ip_network(prefix).version == 4 else 56)


def test_before_the_first_snapshot_everything_is_servfail() -> None:
    packet = query_for("www.example.test", "A", "81.2.69.0/24").to_wire()
    result = answer(packet, Client(IPv4Address(RESOLVER), Transport.UDP), None, 0)
    assert isinstance(result, Answered)
    assert result.rcode == dns.rcode.SERVFAIL
