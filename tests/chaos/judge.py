"""Judges answers: bytes to what they say, what they say to right or wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Address

import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype

from chaos.truth import Truth


class Sentence(StrEnum):
    """STALE: names a member that is gone. FALSE: leaves out one that is up, or says what never was true."""

    RIGHT = "right"
    STALE = "stale"
    FALSE = "false"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """`sites`: in the order in which its client tries them. `every`: the answer has all members that serve."""

    name: str
    client: str
    sites: tuple[str, ...]
    every: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`reply`: as received, None = nothing came within a second. Times: monotonic, seconds."""

    dns_server: str
    question: Question
    tcp: bool
    sent_s: float
    received_s: float
    reply: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """`wrong_s`: how long before it was given what it says had ceased to be true, of a stale one."""

    answer: Answer
    sentence: Sentence
    reason: str = ""
    wrong_s: float = 0.0


def judge(answer: Answer, truth: Truth) -> Judged | None:
    """None: it is not to be judged, since its dns server was taken away."""
    if truth.is_away(answer.dns_server, answer.sent_s, answer.received_s):
        return None
    if answer.reply is None:
        if truth.is_excused(answer.dns_server, answer.sent_s, answer.received_s):
            return None
        return Judged(answer=answer, sentence=Sentence.LOST, reason="no reply")
    said, addresses = read(answer.reply[2:])
    if said:
        return Judged(answer=answer, sentence=Sentence.FALSE, reason=said)
    return _judge(answer, frozenset(addresses), truth)


def _judge(answer: Answer, addresses: frozenset[str], truth: Truth) -> Judged:
    question = answer.question
    right = truth.right(question.sites, answer.sent_s, answer.received_s)
    wrong = addresses - right.may if right.may else frozenset()
    if wrong:
        gone_s = truth.gone_for(wrong, answer.sent_s, answer.received_s)
        sentence = Sentence.FALSE if gone_s is None else Sentence.STALE
        return Judged(answer=answer, sentence=sentence, reason=f"names {_list(wrong)}", wrong_s=gone_s or 0.0)
    if question.every and right.must - addresses:
        return Judged(answer=answer, sentence=Sentence.FALSE, reason=f"leaves out {_list(right.must - addresses)}")
    return Judged(answer=answer, sentence=Sentence.RIGHT)


@lru_cache(maxsize=4096)
def read(reply: bytes) -> tuple[str, tuple[str, ...]]:
    """Of a reply without its id: what is wrong with it, '' = nothing, and the addresses it gives."""
    try:
        message = dns.message.from_wire(b"\0\0" + reply)
    except dns.exception.DNSException as error:
        return f"not DNS: {error}", ()
    if message.rcode() != dns.rcode.NOERROR:
        return dns.rcode.to_text(message.rcode()), ()
    records = [record for rrset in message.answer if rrset.rdtype == dns.rdatatype.A for record in rrset]
    return ("" if records else "no address"), tuple(str(IPv4Address(record.address)) for record in records)


def changed_after(judged: Iterable[Judged], dns_server: str, sites: Sequence[str], from_s: float) -> float | None:
    """Seconds from then to the first right answer that shows all members of clients of these sites; None = none yet."""
    times = (
        one.answer.received_s
        for one in judged
        if one.sentence is Sentence.RIGHT
        and one.answer.dns_server == dns_server
        and one.answer.question.every
        and one.answer.question.sites[0] in sites
        and one.answer.sent_s >= from_s
    )
    found = min(times, default=None)
    return None if found is None else found - from_s


def _list(addresses: Iterable[str]) -> str:
    return ", ".join(sorted(addresses))
