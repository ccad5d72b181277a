"""What a well-formed query is answered: the zone that holds its name, aliases followed, members picked.

Not here: what a packet may look like, what is told beside the answer, how large and how often (`answer`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import assert_never

from gslb.core.answering.choice import Choice
from gslb.core.answering.compose import Records, Reply, Section
from gslb.core.answering.explanation import ALL_DOWN, NOT_AUTHORITATIVE, NOT_READY, NOT_SUPPORTED
from gslb.core.answering.lookup import Delegated, Found, Missing, Redirected, place, zone_of
from gslb.core.answering.options import Subnet
from gslb.core.answering.pick import Failed, Picked, family_of, pick
from gslb.core.answering.records import FAMILY_TYPES, MINIMAL_ANY, TRANSFERS, UNASKABLE, Rcode, RRClass, RRType
from gslb.core.answering.source import Client, Source, source_of
from gslb.core.answering.view import Node, Steered, View, ZoneIndex
from gslb.core.answering.wire import Query
from gslb.core.model import Family, RRset
from gslb.core.names import MAX_NAME_BYTES, Name

MAX_CHAIN = 16
"""Aliases followed before the answer ends with what is there."""


def reply_to(query: Query, client: Client, subnet: Subnet | None, view: View | None, entropy: int) -> Reply:
    """What a well-formed query is answered, whatever its size."""
    if query.rrclass != RRClass.IN or query.rrtype in TRANSFERS:
        return Reply(rcode=Rcode.REFUSED, explanation=NOT_SUPPORTED)
    if query.rrtype in UNASKABLE:
        return Reply(rcode=Rcode.NOTIMP, explanation=NOT_SUPPORTED)
    if view is None:
        return Reply(rcode=Rcode.SERVFAIL, explanation=NOT_READY)
    zone = zone_of(view.index, query.name, query.rrtype)
    if zone is None:
        return Reply(rcode=Rcode.REFUSED, explanation=NOT_AUTHORITATIVE)
    source = source_of(client, subnet, view.index.trust)
    return _resolve(Ask(view, zone, query.rrtype, source, entropy), query.name)


@dataclass(frozen=True, slots=True)
class Ask:
    """What stays the same while aliases are followed."""

    view: View
    zone: ZoneIndex
    rrtype: int
    source: Source
    entropy: int


@dataclass(frozen=True, slots=True)
class Alias:
    """A CNAME, alone or made from the DNAME before it: the answer goes on at `target`."""

    records: Section
    target: bytes
    scope: int = 0
    choices: tuple[Choice, ...] = ()


def _resolve(ask: Ask, name: bytes) -> Reply:
    """Follow aliases inside the zone; a loop, a long chain or a way out ends with what is there (RFC 1034 3.6.2).

    The scope is the longest on the way.
    """
    aliases: Section = ()
    choices: tuple[Choice, ...] = ()
    scope = 0
    seen = {name}
    while True:
        step = _step(ask, name)
        choices += step.choices
        if isinstance(step, Reply):
            break
        aliases += step.records
        scope = max(scope, step.scope)
        name = step.target
        leads_out = zone_of(ask.view.index, name, ask.rrtype) is not ask.zone
        if leads_out or name in seen or len(seen) == MAX_CHAIN:
            step = _found()
            break
        seen.add(name)
    if step.rcode == Rcode.SERVFAIL or not aliases:
        return replace(step, choices=choices)
    if not step.authoritative:  # a referral further on is the resolver's to find
        step = _found()
    return replace(step, answer=aliases + step.answer, scope=max(scope, step.scope), choices=choices)


def _step(ask: Ask, name: bytes) -> Reply | Alias:
    where = place(ask.zone, name, ask.rrtype)
    match where:
        case Missing():
            return _negative(ask, Rcode.NXDOMAIN)
        case Delegated(cut):
            return _refer(ask.zone, cut)
        case Redirected(dname):
            return _redirect(ask, dname, name)
        case Found(node, _):
            return _at_node(ask, node, name)
        case _:
            assert_never(where)


def _at_node(ask: Ask, node: Node, name: bytes) -> Reply | Alias:
    if node.steered is not None:
        family = family_of(ask.view, node.steered, ask.rrtype)
        if family is not None:
            return _steered(ask, node.steered, family, name)
    cname = node.rrsets.get(RRType.CNAME)
    if cname is not None:
        return _alias(ask, (_shown(cname, name),), cname.rdatas[0].lower())
    if ask.rrtype == RRType.ANY and (node.rrsets or node.steered):
        return _found(Records(name, RRType.HINFO, ask.zone.negative.ttl_s, (MINIMAL_ANY,)))
    rrset = node.rrsets.get(ask.rrtype)
    if rrset is None:
        return _negative(ask, Rcode.NOERROR)
    extra = _addresses(ask.zone, rrset.rdatas) if ask.rrtype == RRType.NS else ()
    return replace(_found(_shown(rrset, name)), extra=extra)


def _steered(ask: Ask, steered: Steered, family: Family, name: bytes) -> Reply | Alias:
    picked = pick(ask.view, steered, family, ask.source, ask.entropy)
    match picked:
        case Failed(choice):
            return Reply(rcode=Rcode.SERVFAIL, explanation=ALL_DOWN, choices=(choice,))
        case Picked(choice, ()):
            return replace(_negative(ask, Rcode.NOERROR), explanation=ALL_DOWN, choices=(choice,))
        case Picked(choice, rdatas, scope):
            records = Records(name, FAMILY_TYPES[family], steered.service.ttl_s, rdatas)
            if family is Family.CNAME:
                return replace(_alias(ask, (records,), rdatas[0].lower(), scope), choices=(choice,))
            return replace(_found(records), scope=scope, choices=(choice,))
        case _:
            assert_never(picked)


def _redirect(ask: Ask, dname: RRset, name: bytes) -> Reply | Alias:
    """The DNAME and the CNAME made from it, with its TTL (RFC 6672 3.1)."""
    above = _shown(dname, dname.name.wire)
    target = name[: len(name) - len(above.owner)] + dname.rdatas[0].lower()
    if len(target) > MAX_NAME_BYTES:
        return replace(_found(above), rcode=Rcode.YXDOMAIN)
    return _alias(ask, (above, Records(name, RRType.CNAME, dname.ttl_s, (target,))), target)


def _alias(ask: Ask, records: Section, target: bytes, scope: int = 0) -> Reply | Alias:
    """For CNAME and ANY the alias itself is the answer."""
    if ask.rrtype in (RRType.CNAME, RRType.ANY):
        return replace(_found(*records), scope=scope)
    return Alias(records, target, scope)


def _refer(zone: ZoneIndex, cut: RRset) -> Reply:
    """A referral: glue from below the cut must fit or TC is set (RFC 9471), a sibling's may be left out."""
    inside = [ns for ns in cut.rdatas if Name(ns.lower()).is_within(cut.name)]
    others = [ns for ns in cut.rdatas if ns not in inside]
    return Reply(
        rcode=Rcode.NOERROR,
        authority=(_shown(cut, cut.name.wire),),
        glue=_addresses(zone, inside),
        extra=_addresses(zone, others),
    )


def _addresses(zone: ZoneIndex, names: Iterable[bytes]) -> Section:
    """Plain A and AAAA RRsets of names in the zone; steered ones never stand in Additional."""
    nodes = ((name.lower(), zone.nodes.get(name.lower())) for name in names)
    return tuple(
        _shown(node.rrsets[rrtype], name)
        for name, node in nodes
        if node is not None
        for rrtype in (RRType.A, RRType.AAAA)
        if rrtype in node.rrsets
    )


def _found(*records: Records) -> Reply:
    return Reply(rcode=Rcode.NOERROR, authoritative=True, answer=records)


def _negative(ask: Ask, rcode: Rcode) -> Reply:
    """NXDOMAIN or NODATA with the SOA that says how long (RFC 2308 3); its scope is 0 (RFC 7871 7.4)."""
    return Reply(rcode=rcode, authoritative=True, authority=(ask.zone.negative,))


def _shown(rrset: RRset, owner: bytes) -> Records:
    return Records(owner, rrset.rrtype, rrset.ttl_s, rrset.rdatas)
