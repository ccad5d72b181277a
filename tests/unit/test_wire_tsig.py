"""Signed queries (TSIG, RFC 8945), asked of both engines: nobody knows a key here, and what is malformed is FORMERR."""

from __future__ import annotations

import struct

import dns.edns
import dns.message
import dns.name
import dns.rcode
import dns.tsig
import pytest
from support.dnsworld import answered, ask_wire, make_snapshot, make_view, query_for

from gslb.core.answering.answer import Answered
from gslb.core.answering.identity import Identity
from gslb.core.facts import NO_FACTS

QUESTION = b"\x04host\x07example\x04test\x00\x00\x01\x00\x01"
KEY, ALGORITHM = b"\x03Our\x03key\x00", b"\x0bhmac-sha256\x00"
TIME, MAC, ORIGINAL_ID, OTHER = b"\x00\x00\x65\x43\x21\x00\x01\x2c", bytes(range(32)), b"\xbe\xef", b"\x00\x00\x00\x00"
OPT = b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00"
IDENTITY = Identity(nsid=b"n" * 128, secrets=(b"0123456789abcdef",))


def tsig_rdata(algorithm: bytes = ALGORITHM, mac: bytes = MAC, other: bytes = OTHER) -> bytes:
    return algorithm + TIME + struct.pack("!H", len(mac)) + mac + ORIGINAL_ID + other


def tsig(key: bytes = KEY, rdata: bytes | None = None, rrclass: int = 255, ttl: int = 0) -> bytes:
    data = tsig_rdata() if rdata is None else rdata
    return key + struct.pack("!HHIH", 250, rrclass, ttl, len(data)) + data


def packet(*additional: bytes, answers: bytes = b"", question: bytes = QUESTION) -> bytes:
    head = struct.pack("!6H", 7, 0x0100, 1, bool(answers), 0, len(additional))
    return head + question + answers + b"".join(additional)


REFUSAL = tsig(rdata=ALGORITHM + TIME + b"\x00\x00" + ORIGINAL_ID + b"\x00\x11\x00\x00")


@pytest.mark.parametrize("tcp", [False, True])
def test_no_key_is_known(tcp: bool) -> None:
    """RFC 8945 5.2.1: NOTAUTH with error BADKEY; 5.3.2: not signed; names, time and id are the query's."""
    result = answered(packet(tsig()), tcp=tcp)
    assert result.message == struct.pack("!6H", 7, 0x8109, 1, 0, 0, 1) + QUESTION + REFUSAL
    assert (result.rcode, result.refusal) == (dns.rcode.NOTAUTH, "")


def test_others_read_the_refusal_as_one() -> None:
    """RFC 8945 5.2.1, as another implementation signs and reads."""
    query = query_for("host.example.test", "A", use_edns=0)
    query.use_tsig(dns.tsig.Key("our.example.test", b"secret"))
    message = answered(query.to_wire()).message
    with pytest.raises(dns.tsig.PeerBadKey):
        dns.message.from_wire(message, keyring=query.keyring, request_mac=query.mac)


@pytest.mark.parametrize(
    "question",
    [QUESTION[:-4] + b"\x00\xfc\x00\x01", QUESTION[:-4] + b"\x00\x10\x00\x03", b"\x04else\x00\x00\x01\x00\x01"],
    ids=["transfer", "class CH", "no zone of ours"],
)
def test_the_key_comes_before_what_is_asked(question: bytes) -> None:
    """RFC 8945 5.2."""
    assert answered(packet(tsig(), question=question)).rcode == dns.rcode.NOTAUTH


def test_the_refusal_stands_behind_opt_with_what_opt_must_tell() -> None:
    """RFC 8945 5.1: last in Additional; ECS is echoed in every reply (RFC 7871 7.2.1)."""
    query = query_for("host.example.test", "A", "81.2.69.0/24").to_wire()
    message = answered(query[:11] + b"\x02" + query[12:] + tsig()).message
    assert message[:12] == query[:2] + struct.pack("!5H", 0x8109, 1, 0, 0, 2)
    assert message[12:] == query[12:] + REFUSAL


def test_a_later_edns_version_is_said_first() -> None:
    """RFC 6891 6.1.3."""
    result = answered(packet(OPT[:6] + b"\x01" + OPT[7:], tsig()))
    assert result.rcode == dns.rcode.BADVERS
    assert not result.message.endswith(REFUSAL)


@pytest.mark.parametrize(
    ("key", "whole"),
    [
        (b"\x03Our\xc0\x0c", b"\x03Our" + QUESTION[:-4]),
        (b"\xc0\x11", QUESTION[5:-4]),
        (b"\x01a\xc0\x0d", None),
        (b"\xc0\x20", None),
    ],
    ids=["with the question's name", "the zone's", "into a label", "forward"],
)
def test_a_key_name_may_point_backward(key: bytes, whole: bytes | None) -> None:
    """RFC 1035 4.1.4, RFC 9267; the refusal writes it out."""
    result = answered(packet(tsig(key)))
    if whole is None:
        assert (result.rcode, result.refusal) == (dns.rcode.FORMERR, "record name")
    else:
        assert result.message.endswith(whole + REFUSAL[len(KEY) :])


MISPLACED = {
    "before OPT": packet(tsig(), OPT),
    "two of them": packet(tsig(), tsig()),
    "in the answer": packet(answers=tsig()),
    "in the answer, with OPT": packet(OPT, answers=tsig()),
}


@pytest.mark.parametrize("sent", MISPLACED.values(), ids=MISPLACED)
def test_it_stands_last_and_alone_or_is_formerr(sent: bytes) -> None:
    """RFC 8945 5.1, 5.2."""
    result = answered(sent)
    assert (result.rcode, result.refusal) == (dns.rcode.FORMERR, "misplaced tsig")
    assert len(result.message) == 12


WHOLE = tsig_rdata()
MALFORMED = {
    "empty": tsig(rdata=b""),
    "algorithm alone": tsig(rdata=ALGORITHM),
    "algorithm with a pointer": tsig(rdata=b"\xc0\x0c" + WHOLE[len(ALGORITHM) :]),
    "algorithm without end": tsig(rdata=b"\x3f" * 40),
    "algorithm of 256 octets": tsig(rdata=tsig_rdata((b"\x3f" + b"a" * 63) * 3 + b"\x3e" + b"a" * 62 + b"\x00")),
    "no room for the time": tsig(rdata=ALGORITHM + TIME[:7]),
    "MAC cut off": tsig(rdata=WHOLE[:-10]),
    "no error": tsig(rdata=WHOLE[:-4]),
    "half a length": tsig(rdata=WHOLE[:-1]),
    "more than it says": tsig(rdata=WHOLE + b"\x00"),
    "other data cut off": tsig(rdata=tsig_rdata(other=b"\x00\x12\x00\x06\x00\x00")),
    "class IN": tsig(rrclass=1),
    "a TTL": tsig(ttl=1),
}


@pytest.mark.parametrize("record", MALFORMED.values(), ids=MALFORMED)
def test_what_cannot_be_interpreted_is_formerr(record: bytes) -> None:
    """RFC 8945 4.2, 5.2."""
    result = answered(packet(record))
    assert (result.rcode, result.refusal) == (dns.rcode.FORMERR, "tsig")


def test_any_mac_and_other_data_are_passed_over() -> None:
    """RFC 8945 4.2: lengths count, contents do not where no key is known."""
    for rdata in (tsig_rdata(mac=b""), tsig_rdata(mac=bytes(500)), tsig_rdata(other=b"\x00\x12\x00\x06" + bytes(6))):
        assert answered(packet(tsig(rdata=rdata))).message.endswith(REFUSAL)


def test_the_refusal_is_left_out_where_it_does_not_fit() -> None:
    """Whole, and without TC: NOTAUTH says it all."""
    longest = (b"\x3f" + b"k" * 63) * 3 + b"\x3d" + b"k" * 61 + b"\x00"
    for key, algorithm, fits in ((longest, ALGORITHM, True), (longest, longest, False)):
        result = answered(packet(tsig(key, tsig_rdata(algorithm))))
        reply = dns.message.from_wire(result.message, ignore_trailing=True, continue_on_error=True)
        assert (result.rcode, result.truncated, len(reply.question)) == (dns.rcode.NOTAUTH, False, 1)
        assert result.message[11] == fits
        assert len(result.message) <= 512
    assert answered(packet(OPT, tsig(longest, tsig_rdata(longest)))).message[11] == 2


def test_a_small_reply_keeps_its_cookie_and_leaves_out_who_answers() -> None:
    """The limit of clients without a cookie holds for an empty reply, too, as far as it can (RFC 7873 5.2.3)."""
    at = make_view(
        make_snapshot(
            """
dns: {rate_limit: off, max_nocookie_response: 128}
zones: [{name: example.test, nameservers: [ns1.example.test], contact: ops@example.test, file: example.zone}]
"""
        ),
        NO_FACTS,
    )
    query = query_for("host.example.test", "TXT")
    query.use_edns(0, options=[dns.edns.NSIDOption(b""), dns.edns.GenericOption(10, b"a client")])
    for sent, rcode in ((query.to_wire(), dns.rcode.NOERROR), (None, dns.rcode.NOTAUTH)):
        whole = query.to_wire()
        result = ask_wire(sent or whole[:11] + b"\x02" + whole[12:] + tsig(), at=at, identity=IDENTITY)
        assert isinstance(result, Answered)
        assert len(result.message) <= 128
        assert (result.rcode, result.truncated) == (rcode, False)
        assert [option.otype for option in dns.message.from_wire(result.message, continue_on_error=True).options] == [
            10
        ]
