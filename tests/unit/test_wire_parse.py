"""The strict query parser: header, question, records and options, each thing a stranger can get wrong.

Names by RFC 9267 and 1035 4.1.4: pointers backward and outside the header, labels of at most 63 octets and names of at
most 255, counts and lengths checked before anything is made of them. Both engines are asked the same.
"""

from __future__ import annotations

import struct

import dns.message
import pytest
from support.dnsworld import answered, ask_wire

from gslb.core.answering.answer import Dropped
from gslb.core.answering.options import Subnet, parse_options
from gslb.core.answering.wire import parse
from gslb.core.errors import InvalidPacket

NAME = b"\x03www\x07example\x04test\x00"
QUESTION = NAME + b"\x00\x01\x00\x01"
OPT = b"\x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x00"
RECORD = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x05\x00\x04\x01\x02\x03\x04"


def packet(
    body: bytes, flags: int = 0x0100, questions: int = 1, answers: int = 0, authorities: int = 0, additionals: int = 0
) -> bytes:
    return struct.pack("!6H", 0x1234, flags, questions, answers, authorities, additionals) + body


def test_a_query_is_read_with_its_spelling_and_its_opt_record() -> None:
    query = parse(packet(b"\x03wWw" + QUESTION[4:] + OPT, additionals=1))
    assert (query.id, query.recursion_desired, query.rrtype, query.rrclass) == (0x1234, True, 1, 1)
    assert query.spelling == b"\x03wWw" + NAME[4:]
    assert query.name == NAME
    assert query.edns is not None
    assert (query.edns.size, query.edns.version, query.edns.dnssec_ok, query.edns.options) == (1232, 0, True, b"")


def test_records_beside_the_question_are_passed_over() -> None:
    body = QUESTION + RECORD + RECORD + b"\x01a\x00" + RECORD[2:] + OPT
    assert parse(packet(body, answers=1, authorities=1, additionals=2)).edns is not None


def test_what_dnspython_composes_is_read() -> None:
    made = dns.message.make_query("a." * 125 + "end", "TXT", use_edns=0, payload=4096)
    query = parse(made.to_wire())
    assert len(query.name) == 255
    assert query.edns is not None
    assert query.edns.size == 4096


LONG = b"\x3f" + b"a" * 63

DROPPED = {
    "short": packet(b"")[:11],
    "empty": b"",
    "response": packet(QUESTION, flags=0x8000),
}


@pytest.mark.parametrize("sent", DROPPED.values(), ids=DROPPED)
def test_no_reply_is_owed(sent: bytes) -> None:
    with pytest.raises(InvalidPacket) as caught:
        parse(sent)
    assert caught.value.rcode is None
    assert ask_wire(sent) == Dropped(reason=caught.value.reason)


FORMERR = {
    "no question (RFC 9619)": (packet(b"", questions=0), "question count"),
    "two questions (RFC 9619)": (packet(QUESTION * 2, questions=2), "question count"),
    "65,535 questions": (packet(QUESTION, questions=65_535), "question count"),
    "no octets for the question": (packet(b""), "question cut off"),
    "label runs out": (packet(b"\x3fabc"), "question cut off"),
    "name without end": (packet(b"\x03www"), "question cut off"),
    "question without type": (packet(NAME), "question cut off"),
    "question with half a class": (packet(QUESTION[:-1]), "question cut off"),
    "pointer to itself": (packet(b"\xc0\x0c\x00\x01\x00\x01"), "question name"),
    "pointer into the header": (packet(b"\xc0\x00\x00\x01\x00\x01"), "question name"),
    "pointer forward": (packet(b"\xc0\x40\x00\x01\x00\x01"), "question name"),
    "pointer after a label": (packet(b"\x01a\xc0\x0c\x00\x01\x00\x01"), "question name"),
    "label type 01": (packet(b"\x41" + b"a" * 65 + b"\x00\x00\x01\x00\x01"), "question name"),
    "label type 10": (packet(b"\x80\x00\x00\x01\x00\x01"), "question name"),
    "name of 256 octets": (packet(LONG * 3 + b"\x3e" + b"a" * 62 + b"\x00\x00\x01\x00\x01"), "question name"),
    "record announced, none there": (packet(QUESTION, additionals=1), "record count"),
    "65,535 records in each section": (
        packet(QUESTION, answers=65_535, authorities=65_535, additionals=65_535),
        "record count",
    ),
    "record without RDATA": (packet(QUESTION + RECORD[:-1], answers=1), "record cut off"),
    "record's name runs out": (packet(QUESTION + b"\x3f" * 11, answers=1), "record cut off"),
    "record's pointer cut in half": (packet(QUESTION + b"\x09abcdefghi\xc0", answers=1), "record cut off"),
    "record's name without end": (packet(QUESTION + b"\x0aabcdefghij", answers=1), "record cut off"),
    "record's header cut off": (
        packet(QUESTION + b"\x01a\x00\x00\x01\x00\x01\x00\x00\x00\x00", answers=1),
        "record cut off",
    ),
    "record's pointer to itself": (packet(QUESTION + b"\xc0\x22" + RECORD[2:], answers=1), "record name"),
    "record's pointer forward": (packet(QUESTION + b"\xc0\x30" + RECORD[2:], answers=1), "record name"),
    "record's pointer into the header": (packet(QUESTION + b"\xc0\x0b" + RECORD[2:], answers=1), "record name"),
    "record's label type 01": (packet(QUESTION + b"\x40" + RECORD, answers=1), "record name"),
    "record's name of 256 octets": (packet(QUESTION + LONG * 4 + b"\x00" + RECORD[2:], answers=1), "record name"),
    "two OPT (RFC 6891 6.1.1)": (packet(QUESTION + OPT + OPT, additionals=2), "misplaced opt"),
    "OPT in the answer": (packet(QUESTION + OPT, answers=1), "misplaced opt"),
    "OPT in the authority": (packet(QUESTION + OPT, authorities=1), "misplaced opt"),
    "OPT not at the root": (packet(QUESTION + b"\x01a" + OPT, additionals=1), "misplaced opt"),
    "OPT longer than the packet": (packet(QUESTION + OPT[:-2] + b"\xff\xff", additionals=1), "record cut off"),
    "octets behind the end": (packet(QUESTION + b"\x00"), "trailing octets"),
}


@pytest.mark.parametrize(("sent", "reason"), FORMERR.values(), ids=FORMERR)
def test_malformed_packets_are_formerr(sent: bytes, reason: str) -> None:
    with pytest.raises(InvalidPacket) as caught:
        parse(sent)
    assert (caught.value.reason, caught.value.rcode) == (reason, 1)
    assert (answered(sent).refusal, answered(sent).rcode) == (reason, 1)


@pytest.mark.parametrize("opcode", [1, 2, 3, 4, 5, 6, 15])
def test_other_opcodes_are_notimp(opcode: int) -> None:
    sent = packet(b"whatever this means", flags=opcode << 11, questions=7)
    with pytest.raises(InvalidPacket) as caught:
        parse(sent)
    assert (caught.value.reason, caught.value.rcode) == ("opcode", 4)
    assert (answered(sent).refusal, answered(sent).rcode) == ("opcode", 4)


def test_a_name_of_255_octets_is_read() -> None:
    name = LONG * 3 + b"\x3d" + b"a" * 61 + b"\x00"
    assert parse(packet(name + b"\x00\x01\x00\x01")).name == name


def option(code: int, data: bytes) -> bytes:
    return struct.pack("!HH", code, len(data)) + data


ECS = b"\x00\x01\x18\x00\x51\x02\x45"


def test_ecs_is_found_among_unknown_options() -> None:
    options = option(65_001, b"x" * 9) + option(8, ECS) + option(10, b"cookie!!") + option(3, b"")
    assert parse_options(options).subnet == Subnet(1, 24, b"\x51\x02\x45")
    assert parse_options(option(65_001, b"x")).subnet is None
    assert parse_options(b"").subnet is None


SUBNETS = {
    "/0": (b"\x00\x01\x00\x00", Subnet(1, 0, b"")),
    "/20": (b"\x00\x01\x14\x00\x51\x02\x40", Subnet(1, 20, b"\x51\x02\x40")),
    "/32": (b"\x00\x01\x20\x00\x51\x02\x45\x01", Subnet(1, 32, b"\x51\x02\x45\x01")),
    "IPv6 /56": (b"\x00\x02\x38\x00" + b"\x20" * 7, Subnet(2, 56, b"\x20" * 7)),
    "IPv6 /128": (b"\x00\x02\x80\x00" + b"\x20" * 16, Subnet(2, 128, b"\x20" * 16)),
    "family 0, source 0 (7.5)": (b"\x00\x00\x00\x00", Subnet(0, 0, b"")),
}


@pytest.mark.parametrize(("data", "subnet"), SUBNETS.values(), ids=SUBNETS)
def test_ecs_options(data: bytes, subnet: Subnet) -> None:
    assert parse_options(option(8, data)).subnet == subnet


BAD_OPTIONS = {
    "code alone": b"\x00\x08",
    "length without data": b"\x00\x08\x00\x07",
    "longer than the list": b"\x00\x0a\x00\x09cookie!!",
    "ecs empty": option(8, b""),
    "ecs of three octets": option(8, b"\x00\x01\x00"),
    "ecs unknown family (7.2.1)": option(8, b"\x00\x03\x18\x00\x51\x02\x45"),
    "ecs family 0 with a prefix": option(8, b"\x00\x00\x08\x00\x51"),
    "ecs octet missing (6)": option(8, ECS[:-1]),
    "ecs octet too many (6)": option(8, ECS + b"\x00"),
    "ecs /0 with an octet (6)": option(8, b"\x00\x01\x00\x00\x00"),
    "ecs bits past the source (6)": option(8, b"\x00\x01\x14\x00\x51\x02\x41"),
    "ecs scope in a query (6)": option(8, b"\x00\x01\x18\x01\x51\x02\x45"),
    "ecs /33": option(8, b"\x00\x01\x21\x00" + b"\x51" * 5),
    "ecs IPv6 /129": option(8, b"\x00\x02\x81\x00" + b"\x20" * 17),
    "ecs twice": option(8, ECS) * 2,
}


@pytest.mark.parametrize("options", BAD_OPTIONS.values(), ids=BAD_OPTIONS)
def test_malformed_options_are_formerr(options: bytes) -> None:
    with pytest.raises(InvalidPacket) as caught:
        parse_options(options)
    assert caught.value.rcode == 1
    opt = OPT[:-2] + struct.pack("!H", len(options)) + options
    assert answered(packet(QUESTION + opt, additionals=1)).refusal == caught.value.reason
