"""What a reply's OPT record tells besides the answer, asked of both engines: who answers (NSID, RFC 5001), and why an
answer is as it is (extended DNS errors, RFC 8914).
"""

from __future__ import annotations

from ipaddress import ip_address

import dns.edns
import dns.message
import pytest
from support.dnsworld import CONFIG, RESOLVER, answered, ask_wire, make_snapshot, make_view, query_for
from support.nativeworld import both

from dns_server import _native
from gslb.core.answering.answer import Answered
from gslb.core.answering.identity import Identity

SERVER = Identity(nsid=b"ns1.example.test \xff")


def told(name: str, rrtype: str, *options: dns.edns.Option, identity: Identity = SERVER) -> list[tuple[int, bytes]]:
    """Code and data of the reply's options."""
    query = query_for(name, rrtype)
    query.use_edns(0, options=list(options))
    result = ask_wire(query.to_wire(), identity=identity)
    assert isinstance(result, Answered)
    return [(option.otype, option.to_wire()) for option in dns.message.from_wire(result.message).options]


NSID = dns.edns.NSIDOption(b"")


@pytest.mark.parametrize("name", ["host.example.test", "nothing.example.test", "www.sub.example.test"])
def test_who_asks_is_told_who_answers(name: str) -> None:
    """RFC 5001 2.2: in the same octets, whatever the answer; 2.1: what the client sends in it is passed over."""
    assert told(name, "A", NSID) == [(3, SERVER.nsid)]
    assert told(name, "A", dns.edns.GenericOption(3, b"ignored"), NSID) == [(3, SERVER.nsid)]


def test_nobody_else_is_told() -> None:
    """RFC 5001 2.1, 2.2; and who has no name has none to tell."""
    assert told("host.example.test", "A") == []
    assert told("host.example.test", "A", NSID, identity=Identity(secrets=(b"0123456789abcdef",))) == []


WHY = {
    "no zone of ours: Not Authoritative": ("www.elsewhere.test", "A", (15, b"\x00\x14")),
    "transfer: Not Supported": ("example.test", "AXFR", (15, b"\x00\x15")),
    "type of no zone: Not Supported": ("example.test", "MAILB", (15, b"\x00\x15")),
    "all down, SERVFAIL: Other Error": (
        "failing.example.test",
        "A",
        (15, b"\x00\x00no server for this name and type is up"),
    ),
    "all down, NODATA: Other Error": (
        "silent.example.test",
        "A",
        (15, b"\x00\x00no server for this name and type is up"),
    ),
}


@pytest.mark.parametrize(("name", "rrtype", "option"), WHY.values(), ids=WHY)
def test_bad_answers_say_why(name: str, rrtype: str, option: tuple[int, bytes]) -> None:
    """RFC 8914 4, to whoever speaks EDNS (3)."""
    assert told(name, rrtype) == [option]
    assert told(name, rrtype, NSID) == [(3, SERVER.nsid), option]
    assert dns.message.from_wire(answered(query_for(name, rrtype).to_wire()).message).edns == -1


@pytest.mark.parametrize("name", ["host.example.test", "nothing.example.test", "sorry.example.test"])
def test_good_answers_need_no_explanation(name: str) -> None:
    """RFC 8914 1: negatives are answers, and so is what the configuration says for the time when all are down."""
    assert told(name, "A") == []


def test_before_the_first_snapshot_the_server_is_not_ready() -> None:
    """RFC 8914 4.15."""
    packet = query_for("host.example.test", "A", use_edns=0).to_wire()
    expected, said = both(_native.Answerer(None), None, packet, ip_address(RESOLVER))
    assert expected == said is not None
    assert expected.endswith(b"\x00\x0f\x00\x02\x00\x0e")


def test_an_explanation_is_left_out_before_anything_else() -> None:
    """RFC 8914 3: what helps a person must not cost a resolver its answer."""
    config = CONFIG.replace("rate_limit: off", "rate_limit: off, max_nocookie_response: 128")
    at = make_view(make_snapshot(config))
    for name, codes in (("failing.example.test", [3]), ("www.elsewhere.test", [3, 15])):
        query = query_for(name, "A")
        query.use_edns(0, options=[NSID])
        result = ask_wire(query.to_wire(), at=at, identity=Identity(nsid=b"n" * 40))
        assert isinstance(result, Answered)
        assert not result.truncated
        assert [option.otype for option in dns.message.from_wire(result.message).options] == codes
