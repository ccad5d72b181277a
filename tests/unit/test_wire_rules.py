"""The rules of DNS on the wire, each with its source, asked of both engines, which must say the same octets.

Beside these: every malformed packet in `test_wire_parse.py`, ECS in `test_wire_ecs.py`, TSIG in `test_wire_tsig.py`,
cookies in `test_dns_cookies.py`, rate limits in `test_answer_limits.py`, TCP in `test_dns_engine.py`, whole answers in
`tests/scenario/answers.txt`.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from ipaddress import ip_address
from unittest.mock import Mock

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest
from support.dnsworld import (
    RESOLVER,
    addresses,
    answered,
    ask,
    ask_wire,
    lines,
    make_snapshot,
    make_view,
    query_for,
    view,
)
from support.nativeworld import both

from dns_server import _native
from gslb.core.answering.answer import Dropped
from gslb.core.answering.lookup import place
from gslb.core.answering.records import RRType
from gslb.core.answering.resolve import MAX_CHAIN
from gslb.core.facts import NO_FACTS
from gslb.core.names import Name

HEADER = struct.Struct("!6H")
SOA = "ns1.example.test. ops.example.test. 2026110101 7200 900 1209600 10"
LONG_CHAIN = """
dns: {rate_limit: off}
zones: [{name: example.test, nameservers: [ns1.example.test], contact: ops@example.test, file: example.zone}]
"""


def with_flags(flags: int) -> bytes:
    query = query_for("host.example.test", "A").to_wire()
    return query[:2] + struct.pack("!H", flags) + query[4:]


# Header


@pytest.mark.parametrize("packet", [b"", b"\x00" * 11, with_flags(0x8000)], ids=["empty", "11 octets", "QR=1"])
def test_not_a_query_gets_no_reply(packet: bytes) -> None:
    """QR=1 or under 12 octets: whatever is said could start a loop (RFC 1035 4.1.1)."""
    assert isinstance(ask_wire(packet), Dropped)


def test_formerr_is_a_header_with_the_packets_id_and_rd() -> None:
    """QDCOUNT other than 1 (RFC 9619 4); 0 with a COOKIE is answered (RFC 7873 5.4)."""
    packet = HEADER.pack(0xBEEF, 0x0100, 2, 0, 0, 0) + b"\x00\x00\x01\x00\x01" * 2
    result = answered(packet)
    assert result.message == HEADER.pack(0xBEEF, 0x8101, 0, 0, 0, 0)
    assert (result.rcode, result.refusal) == (1, "question count")


@pytest.mark.parametrize("opcode", [2, 4, 5, 9])
def test_notify_update_and_unknown_opcodes_are_notimp(opcode: int) -> None:
    """RFC 1035 4.1.1; who may not say that either hears it: NOTIFY (RFC 1996), UPDATE (RFC 2136)."""
    reply = answered(HEADER.pack(1, opcode << 11 | 0x0100, 1, 0, 0, 0) + b"\x00\x00\x06\x00\x01")
    assert HEADER.unpack(reply.message) == (1, 0x8104 | opcode << 11, 0, 0, 0, 0)


@pytest.mark.parametrize("rrclass", ["CH", "HS", "NONE", "ANY"])
def test_classes_other_than_in_are_refused(rrclass: str) -> None:
    """RFC 1035 3.2.4; version.bind (RFC 4892) tells no version."""
    for name in ("version.bind", "id.server", "host.example.test"):
        query = dns.message.make_query(name, "TXT", rdclass=rrclass)
        reply = dns.message.from_wire(answered(query.to_wire()).message)
        assert reply.rcode() == dns.rcode.REFUSED
        assert query.is_response(reply)


def test_rd_is_copied_and_ra_ad_cd_z_and_tc_are_clear() -> None:
    """RFC 1035 4.1.1, RFC 4035 3.1.6."""
    reply = answered(with_flags(0x0100 | 0x0200 | 0x0400 | 0x0070 | 0x0080 | 0x000F))
    (flags,) = struct.unpack_from("!H", reply.message, 2)
    assert flags == 0x8000 | 0x0400 | 0x0100
    (flags,) = struct.unpack_from("!H", answered(with_flags(0x0000)).message, 2)
    assert flags == 0x8000 | 0x0400


def test_aa_on_our_data_and_not_on_referrals() -> None:
    """RFC 1034 4.3.2."""
    assert ask("host.example.test", "A").flags & dns.flags.AA
    assert ask("nothing.example.test", "A").flags & dns.flags.AA
    assert not ask("www.sub.example.test", "A").flags & dns.flags.AA
    assert not ask("www.elsewhere.test", "A").flags & dns.flags.AA


def test_the_questions_case_comes_back_and_the_answer_points_to_it() -> None:
    """RFC 4343 3, RFC 1035 4.1.4."""
    query = dns.message.make_query("hOsT.eXAMPLE.tesT", "A")
    message = answered(query.to_wire()).message
    end = 12 + len(b"\x04host\x07example\x04test\x00") + 4
    assert message[12:end] == query.to_wire()[12:end]
    assert message[end : end + 2] == b"\xc0\x0c"


def test_the_negative_soa_points_into_the_question() -> None:
    """RFC 1035 4.1.4."""
    message = answered(dns.message.make_query("x.eXAMPLE.tesT", "A").to_wire()).message
    end = 12 + len(b"\x01x\x07example\x04test\x00") + 4
    assert message[end : end + 2] == b"\xc0\x0e"


def test_names_may_hold_any_octets() -> None:
    """RFC 2181 11."""
    name = b"\x05a.\x00\xff\x20\x07example\x04test\x00"
    result = answered(HEADER.pack(1, 0, 1, 0, 0, 0) + name + b"\x00\x01\x00\x01")
    assert result.rcode == dns.rcode.NXDOMAIN
    assert result.message[12 : 12 + len(name)] == name


# Size


@pytest.mark.parametrize(
    ("payload", "limit"), [(None, 512), (0, 512), (512, 512), (700, 700), (1232, 1232), (4096, 1232), (65_535, 1232)]
)
def test_udp_replies_stay_below_the_clients_size_and_1232(payload: int | None, limit: int) -> None:
    """RFC 6891 6.2.3, 6.2.5; RFC 9715 3.1; 512 without EDNS (RFC 1035 4.2.1)."""
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
    """RFC 7766 5."""
    assert answered(query_for("big.example.test", "TXT").to_wire()).truncated
    result = answered(query_for("big.example.test", "TXT").to_wire(), tcp=True)
    assert not result.truncated
    assert len(dns.message.from_wire(result.message).answer[0]) == 40


# EDNS


def test_no_opt_unless_asked() -> None:
    """RFC 6891 6.1.1, 7."""
    assert ask("host.example.test", "A").edns == -1
    reply = ask("host.example.test", "A", use_edns=0)
    assert (reply.edns, reply.payload, reply.ednsflags, reply.options) == (0, 1232, 0, ())


def test_do_is_echoed_and_other_flags_are_cleared() -> None:
    """RFC 3225 3, RFC 6891 6.1.4."""
    query = query_for("host.example.test", "A", use_edns=0)
    query.ednsflags |= 0xFFFF
    reply = dns.message.from_wire(answered(query.to_wire()).message)
    assert reply.ednsflags == dns.flags.DO


def test_unknown_options_are_ignored() -> None:
    """RFC 6891 6.1.2; COOKIE and NSID are unknown to a server without secrets and name."""
    query = query_for("host.example.test", "A", use_edns=0)
    options = [(65_001, b"what"), (65_001, b""), (10, b"12345678"), (3, b"")]
    query.use_edns(0, options=[dns.edns.GenericOption(code, data) for code, data in options])
    reply = dns.message.from_wire(answered(query.to_wire()).message)
    assert reply.answer == ask("host.example.test", "A", use_edns=0).answer != []
    assert reply.options == ()


@pytest.mark.parametrize("version", [1, 255])
def test_later_edns_versions_are_badvers_without_an_answer(version: int) -> None:
    """RFC 6891 6.1.3. Options of a version that nobody knows mean nothing, not even ECS."""
    packet = bytearray(query_for("www.example.test", "A", "81.2.69.0/24").to_wire())
    option, flags_and_length = 11, 4
    packet[-option - flags_and_length - 1] = version
    reply = dns.message.from_wire(answered(bytes(packet)).message)
    assert (reply.rcode(), reply.edns, reply.answer, reply.options) == (dns.rcode.BADVERS, 0, [], ())


def test_two_opt_records_are_formerr() -> None:
    """RFC 6891 6.1.1."""
    packet = bytearray(query_for("host.example.test", "A", use_edns=0).to_wire())
    packet[11] = 2
    assert answered(bytes(packet) + packet[-11:]).rcode == dns.rcode.FORMERR


# Names and records


def test_any_is_answered_with_one_hinfo() -> None:
    """RFC 8482 4.2; an alias is one RRset, too (4.1)."""
    (line,) = lines(ask("any.example.test", "ANY").answer)
    assert line == 'any.example.test 10 HINFO "RFC8482" ""'
    (line,) = lines(ask("cname.example.test", "ANY").answer)
    assert line == "cname.example.test 300 CNAME host.example.test."
    assert ask("big.example.test", "ANY").answer[0].rdtype == dns.rdatatype.HINFO


@pytest.mark.parametrize("rrtype", ["AXFR", "IXFR"])
@pytest.mark.parametrize("tcp", [False, True])
def test_transfers_are_refused(rrtype: str, tcp: bool) -> None:
    """RFC 5936 5, RFC 1995 2: nobody is configured who may."""
    reply = ask("example.test", rrtype, tcp=tcp)
    assert (reply.rcode(), reply.answer, reply.authority) == (dns.rcode.REFUSED, [], [])


def test_ds_at_a_cut_is_the_parents_answer() -> None:
    """RFC 4035 3.1.4.1: its NODATA, never a referral, nor the child's, even where the child is here, too."""
    for name in ("other.example.test", "child.example.test"):
        reply = ask(name, "DS")
        assert reply.flags & dns.flags.AA
        assert (reply.rcode(), reply.answer) == (dns.rcode.NOERROR, [])
        assert lines(reply.authority) == [f"example.test 10 SOA {SOA}"]
    assert ask("sub.example.test", "DS").answer


def test_a_dname_makes_the_alias_of_what_is_below_it() -> None:
    """RFC 6672 2.2, 3.1."""
    assert lines(ask("a.dname.example.test", "A").answer) == [
        "dname.example.test 300 DNAME target.example.test.",
        "a.dname.example.test 300 CNAME a.target.example.test.",
        "a.target.example.test 300 A 192.0.2.11",
    ]
    assert ask(f"{'a' * 57}.long.example.test", "A").rcode() == dns.rcode.YXDOMAIN
    assert ask("dname.example.test", "A").answer == []


def test_aliases_are_followed_inside_the_zone_alone() -> None:
    """RFC 1034 3.6.2."""
    assert addresses(ask("chain1.example.test", "A")) == ["192.0.2.7"]
    assert len(ask("outside.example.test", "A").answer) == 1
    assert len(ask("tochild.example.test", "A").answer) == 1


def test_loops_and_long_chains_of_aliases_end() -> None:
    """RFC 1034 3.6.2, 5.2.2: with what is there."""
    assert len(ask("self.example.test", "A").answer) == 1
    assert len(ask("loop1.example.test", "A").answer) == 2
    chain = "".join(f"c{number} CNAME c{number + 1}\n" for number in range(40))
    at = make_view(make_snapshot(LONG_CHAIN, records=f"$TTL 60\nns1 A 192.0.2.53\n{chain}"), NO_FACTS)
    reply = ask("c0.example.test", "A", at=at, tcp=True)
    assert (reply.rcode(), len(reply.answer)) == (dns.rcode.NOERROR, MAX_CHAIN)


def test_a_referral_has_all_its_glue_or_tc() -> None:
    """RFC 9471 3.1."""
    cut = ask("www.wide.example.test", "A")
    assert cut.flags & dns.flags.TC
    assert (cut.authority, cut.additional) == ([], [])
    whole = ask("www.wide.example.test", "A", tcp=True)
    assert (len(whole.authority[0]), len(whole.additional)) == (13, 13)
    assert not whole.flags & dns.flags.TC


def test_glue_is_never_from_outside_the_zone() -> None:
    """RFC 2181 5.4.1; a sibling's is inside."""
    reply = ask("www.sub.example.test", "A")
    assert "ns.elsewhere.test." in [rdata.to_text() for rdata in reply.authority[0]]
    assert [rrset.name.to_text() for rrset in reply.additional] == [
        "ns.sub.example.test.",
        "ns.sub.example.test.",
        "ns.other.example.test.",
    ]


@pytest.mark.parametrize(
    ("name", "rcode"), [("nothing.example.test", dns.rcode.NXDOMAIN), ("empty.example.test", dns.rcode.NOERROR)]
)
def test_negatives_have_the_soa_with_the_lesser_ttl(name: str, rcode: int) -> None:
    """RFC 2308 3, 5: of the SOA's own TTL (3600 s) and its last field (10 s)."""
    reply = ask(name, "A")
    assert (reply.rcode(), reply.answer) == (rcode, [])
    assert lines(reply.authority) == [f"example.test 10 SOA {SOA}"]


def test_a_name_that_does_not_exist_is_looked_up_no_oftener_than_one_that_does() -> None:
    """Else random names are a cheap attack (RFC 8020 1). Counted in the reference; the native engine walks alike."""
    zone = view().index.zones[Name.from_text("example.test").wire]

    def lookups(text: str) -> int:
        nodes = Mock(wraps=zone.nodes)
        nodes.get.side_effect = zone.nodes.get
        nodes.__getitem__ = Mock(side_effect=zone.nodes.__getitem__)
        place(replace(zone, nodes=nodes), Name.from_text(text).wire, RRType.A)
        return int(nodes.get.call_count + nodes.__getitem__.call_count)

    hit = lookups("www.example.test")
    assert lookups("nothing.example.test") <= hit
    assert lookups("a.b.c.d.e.f.nothing.example.test") <= hit


def test_before_the_first_snapshot_everything_is_servfail() -> None:
    """RFC 1035 4.1.1: the zones may be ours, so REFUSED would be a lie."""
    packet = query_for("www.example.test", "A", "81.2.69.0/24").to_wire()
    expected, said = both(_native.Answerer(None), None, packet, ip_address(RESOLVER))
    assert expected == said is not None
    assert dns.message.from_wire(expected).rcode() == dns.rcode.SERVFAIL
