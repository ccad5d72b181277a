"""The reference engine: a query's bytes in, a reply's bytes out, by the snapshot and the decision of the moment.

This is the readable specification of answering and the oracle that any faster engine is tested against. No clock, no
sockets, no chance: whatever an answer depends on is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass

from gslb.core.answering.choice import Choice
from gslb.core.answering.compose import (
    NOTHING_TOLD,
    TCP_BYTES,
    Reply,
    Told,
    compose,
    compose_error,
    emptied,
    size_limit,
)
from gslb.core.answering.cookies import Outcome, Shown, check
from gslb.core.answering.identity import NOBODY, Identity
from gslb.core.answering.limit import Action, Limited, Limiter
from gslb.core.answering.options import NO_OPTIONS, Options, Subnet, parse_options
from gslb.core.answering.records import Rcode
from gslb.core.answering.resolve import reply_to
from gslb.core.answering.restrain import restrain
from gslb.core.answering.source import Client, Transport
from gslb.core.answering.tsig import refusal
from gslb.core.answering.view import View
from gslb.core.answering.wire import Query, parse
from gslb.core.errors import InvalidPacket

RATE_LIMIT = "rate limit"
"""Why a packet is dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """Nothing is sent. `limited`: the rate limit that was the reason. `refusal`, `cookie`: as for `Answered`."""

    reason: str
    limited: Limited | None = None
    refusal: str = ""
    cookie: Outcome | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """`message` goes back to the client; the rest is for counters. `refusal`: why the packet was malformed, or ''.

    `limited`: the rate limit that left the message empty. `cookie`: what became of its COOKIE option,
    None where there was none.
    `choices`: of every service that had a part in the answer, unless it was left empty.
    """

    message: bytes
    rcode: Rcode
    rrtype: int
    truncated: bool = False
    ecs: bool = False
    refusal: str = ""
    limited: Limited | None = None
    cookie: Outcome | None = None
    choices: tuple[Choice, ...] = ()


def answer(
    packet: bytes,
    client: Client,
    view: View | None,
    entropy: int,
    limiter: Limiter | None = None,
    identity: Identity = NOBODY,
) -> Answered | Dropped:
    """Answer one packet. Without a view every zone is unknown yet: SERVFAIL.

    `entropy`: any number that differs from packet to packet, used only by services that draw per answer.
    `limiter`: remembers who was answered how often; None = nobody is limited. `identity`: who answers.
    """
    try:
        query = parse(packet)
    except InvalidPacket as invalid:
        return _answer_malformed(packet, invalid, client, view, limiter)
    meant = _prepare(query, client, view, entropy, identity)
    reply, limited = meant.reply, None
    if limiter is not None and meant.cookie is not Outcome.VALID:
        limited = restrain(limiter, client, view, reply, query if query.spelling else None, meant.told.subnet)
    if limited is not None:
        if limited.action is Action.DROPPED:
            return Dropped(reason=RATE_LIMIT, limited=limited, refusal=meant.refusal, cookie=meant.cookie)
        reply = emptied(reply)
    message, sent = compose(query, meant.told, reply, _limit(query, client, view, meant.cookie))
    return Answered(
        message=message,
        rcode=sent.rcode,
        rrtype=query.rrtype,
        truncated=sent.truncated,
        ecs=meant.told.subnet is not None,
        refusal=meant.refusal,
        limited=limited,
        cookie=meant.cookie,
        choices=reply.choices,
    )


def _answer_malformed(
    packet: bytes, invalid: InvalidPacket, client: Client, view: View | None, limiter: Limiter | None
) -> Answered | Dropped:
    """A packet that cannot be read: an error, if it is to be answered at all."""
    if invalid.rcode is None:
        return Dropped(reason=invalid.reason)
    rcode = Rcode(invalid.rcode)
    limited = restrain(limiter, client, view, Reply(rcode=rcode), None, None) if limiter else None
    if limited is not None and limited.action is Action.DROPPED:
        return Dropped(reason=RATE_LIMIT, limited=limited, refusal=invalid.reason)
    return Answered(
        message=compose_error(packet, rcode, truncated=limited is not None),
        rcode=rcode,
        rrtype=0,
        truncated=limited is not None,
        refusal=invalid.reason,
        limited=limited,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Meant:
    """What is to be said, whatever its size, and whoever was told how much before."""

    reply: Reply
    told: Told = NOTHING_TOLD
    cookie: Outcome | None = None
    refusal: str = ""


def _prepare(query: Query, client: Client, view: View | None, entropy: int, identity: Identity) -> _Meant:
    if query.edns is not None and query.edns.version > 0:
        return _Meant(reply=Reply(rcode=Rcode.BADVERS))
    told, cookie = NOTHING_TOLD, None
    try:
        options = parse_options(query.edns.options) if query.edns else NO_OPTIONS
        shown = check(options.cookie, client, identity.secrets) if options.cookie and identity.secrets else None
        cookie = shown.outcome if shown else None
        told = _tell(options, shown, identity)
        reply = _reply_to_any(query, client, options.subnet, cookie, view, entropy)
    except InvalidPacket as invalid:
        return _Meant(reply=Reply(rcode=Rcode.FORMERR), told=told, cookie=cookie, refusal=invalid.reason)
    return _Meant(reply=reply, told=told, cookie=cookie)


def _limit(query: Query, client: Client, view: View | None, cookie: Outcome | None) -> int:
    """Most octets of the reply. A client that might be somebody else's victim gets little over UDP."""
    if client.transport is Transport.TCP:
        return TCP_BYTES
    nocookie = view.index.max_nocookie_bytes if view is not None and cookie is not Outcome.VALID else None
    return min(size_limit(query), nocookie) if nocookie is not None else size_limit(query)


def _tell(options: Options, shown: Shown | None, identity: Identity) -> Told:
    return Told(
        subnet=options.subnet,
        nsid=identity.nsid if options.wants_nsid else b"",
        cookie=shown.reply if shown else b"",
    )


def _reply_to_any(
    query: Query, client: Client, subnet: Subnet | None, cookie: Outcome | None, view: View | None, entropy: int
) -> Reply:
    """No key is known (RFC 8945 5.2.1). Without a question the client asks whether its cookie is good, or for a new
    one (RFC 7873 5.4).
    """
    if query.tsig is not None:
        return Reply(rcode=Rcode.NOTAUTH, tsig=refusal(query.tsig))
    if query.spelling:
        return reply_to(query, client, subnet, view, entropy)
    if cookie is None:
        raise InvalidPacket("question count", Rcode.FORMERR)
    return Reply(rcode=Rcode.BADCOOKIE if cookie is Outcome.INVALID else Rcode.NOERROR)
