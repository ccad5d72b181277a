"""Composing replies: what is left out when a reply is too large, and names far out in a large message."""

from __future__ import annotations

import dns.flags
import dns.message
import pytest

from gslb.core.answering.compose import NOTHING_TOLD, Records, Reply, compose
from gslb.core.answering.records import Rcode, RRType
from gslb.core.answering.wire import Query

NAME = b"\x03www\x07example\x04test\x00"
QUERY = Query(1, True, NAME, NAME, RRType.NS, 1, None)


def numbered(label: str, count: int, rrtype: int = RRType.A, size: int = 4) -> tuple[Records, ...]:
    """RRsets of one record each, at names of their own."""
    return tuple(
        Records(bytes([len(label) + 3]) + f"{label}{n:03}".encode() + NAME[4:], rrtype, 60, (bytes([n % 256]) * size,))
        for n in range(count)
    )


def read(reply: Reply, limit: int) -> dns.message.Message:
    message, sent = compose(QUERY, NOTHING_TOLD, reply, limit)
    assert len(message) <= limit
    parsed = dns.message.from_wire(message)
    assert bool(parsed.flags & dns.flags.TC) == sent.truncated
    return parsed


def test_what_is_optional_goes_first_and_without_tc() -> None:
    reply = Reply(rcode=Rcode.NOERROR, answer=numbered("ns", 5), glue=numbered("glue", 5), extra=numbered("extra", 20))
    whole = read(reply, 2000)
    assert (len(whole.answer), len(whole.additional)) == (5, 25)
    smaller = read(reply, 512)
    assert (len(smaller.answer), len(smaller.additional)) == (5, 5)
    assert not smaller.flags & dns.flags.TC


@pytest.mark.parametrize("section", ["answer", "authority", "glue"])
def test_what_is_needed_goes_whole_and_with_tc(section: str) -> None:
    reply = Reply(rcode=Rcode.NOERROR, authoritative=True, **{section: numbered("name", 30)})
    cut = read(reply, 512)
    assert cut.flags & dns.flags.TC
    assert (cut.answer, cut.authority, cut.additional) == ([], [], [])
    assert len(cut.question) == 1


def test_a_reply_that_just_fits_is_whole() -> None:
    reply = Reply(rcode=Rcode.NOERROR, answer=numbered("name", 20))
    exact = len(compose(QUERY, NOTHING_TOLD, reply, 65_535)[0])
    assert len(read(reply, exact).answer) == 20
    assert read(reply, exact - 1).flags & dns.flags.TC


def test_names_beyond_the_reach_of_a_pointer_are_written_out() -> None:
    """A pointer has 14 bits; the second mention of a name that stands farther out must not become one."""
    far = numbered("far", 20)
    reply = Reply(rcode=Rcode.NOERROR, answer=numbered("big", 60, 65_280, 300), authority=far, glue=far)
    parsed = read(reply, 65_535)
    assert [rrset.name for rrset in parsed.authority] == [rrset.name for rrset in parsed.additional]
    assert len(parsed.authority) == 20
