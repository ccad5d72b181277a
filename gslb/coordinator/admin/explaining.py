"""Explain: the reference engine's answer to one client, and the steps that led to it.

The question is put as a packet to `gslb.core.answering.answer`, so what is shown is what a dns server with this state
answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface, ip_network

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

from gslb.api.v1 import admin_pb2 as pb
from gslb.coordinator.admin.decider import Concluded
from gslb.coordinator.refusals import invalid
from gslb.core.answering.answer import Answered, answer
from gslb.core.answering.lookup import Found, place, zone_of
from gslb.core.answering.options import Subnet
from gslb.core.answering.pick import family_of
from gslb.core.answering.source import PREFIX_BITS, Client, Source, Transport, locate, source_of
from gslb.core.answering.view import Steered, View
from gslb.core.model import EcsTrust, IPAddress, IPNetwork
from gslb.core.names import Name
from gslb.core.steering.cohorts import draw
from gslb.core.steering.explain import ExplainStep, explain

_FAMILIES = {4: 1, 6: 2}
_STEADY = 0
"""Entropy of services that draw per answer: one draw of many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Who asks what. `subnet`: the prefix that the resolver `client` passes on; None: `client` itself asks."""

    name: Name
    rrtype: dns.rdatatype.RdataType
    client: Client
    subnet: IPNetwork | None


def load_question(request: pb.ExplainRequest, ecs: EcsTrust) -> Question:
    """INVALID_ARGUMENT for what is no name, client or type."""
    try:
        rrtype = dns.rdatatype.from_text(request.rrtype or "A")
    except (dns.exception.DNSException, ValueError):
        raise invalid(f"'{request.rrtype}' is no record type: A, AAAA, TXT ... or TYPE65280") from None
    client, subnet = _load_client(request.client, ecs)
    return Question(
        name=Name.from_text(request.name), rrtype=rrtype, client=Client(client, Transport.TCP), subnet=subnet
    )


def make_explanation(question: Question, concluded: Concluded) -> pb.ExplainResponse:
    """Blocking."""
    view = concluded.publication.index.with_decision(concluded.decision)
    options: list[dns.edns.Option] = []
    if question.subnet is not None:
        options.append(dns.edns.ECSOption(str(question.subnet[0]), question.subnet.prefixlen))
    name = dns.name.from_text(question.name.to_text())
    query = dns.message.make_query(name, question.rrtype, use_edns=0, options=options)
    answered = answer(query.to_wire(), question.client, view, _STEADY)
    if not isinstance(answered, Answered):
        raise invalid(f"a query for {question.name} would be dropped: {answered.reason}")
    reply = dns.message.from_wire(answered.message)
    return pb.ExplainResponse(
        steps=map(_dump_step, _steps(question, concluded, view, reply)),
        answer=[line for rrset in reply.answer for line in rrset.to_text().splitlines()],
        rcode=dns.rcode.to_text(reply.rcode()),
        scope=_scope(reply),
    )


def _load_client(text: str, ecs: EcsTrust) -> tuple[IPAddress, IPNetwork | None]:
    """An address asks for itself; a prefix comes through a resolver whose ECS counts, cut to what ECS tells apart."""
    try:
        if "/" not in text:
            return ip_address(text), None
        prefix = ip_interface(text).network
    except ValueError:
        raise invalid(f"'{text}' is neither an address nor a prefix: write 192.0.2.1 or 192.0.2.0/24") from None
    if not ecs.networks:
        raise invalid("no resolver's ECS counts in this configuration (`ecs.from`): give the resolver's address")
    cut = min(prefix.prefixlen, PREFIX_BITS[prefix.version])
    return ecs.networks[0][0], ip_network((prefix.network_address, cut), strict=False)


def _steps(question: Question, concluded: Concluded, view: View, reply: dns.message.Message) -> Iterator[ExplainStep]:
    source = _source(question, view)
    yield ExplainStep(what="client", text=_describe(question, source))
    names = [question.name.wire, *(_alias_targets(reply))]
    for name in names:
        steered = _steered(view, name, question.rrtype)
        if steered is not None:
            yield from _service_steps(steered, question, source, concluded, view)
            return
    yield ExplainStep(what="records", text=_without_service(reply))


def _service_steps(
    steered: Steered, question: Question, source: Source, concluded: Concluded, view: View
) -> Iterator[ExplainStep]:
    family = family_of(view, steered, question.rrtype)
    if family is None:
        text = f"service {steered.service.name} has nothing of type {dns.rdatatype.to_text(question.rrtype)}"
        yield ExplainStep(what="service", text=text)
        return
    cls, _ = locate(source, steered.classes, steered.shared[family])
    prefix = _STEADY if steered.service.by_query else source.prefix
    yield from explain(
        concluded.snapshot,
        concluded.directives,
        concluded.facts,
        concluded.silent,
        service=steered.service,
        family=family,
        cls=cls,
        draw=draw(prefix, source.version, steered.salt),
    ).steps


def _source(question: Question, view: View) -> Source:
    subnet = None
    if question.subnet is not None:
        bits, address = question.subnet.prefixlen, question.subnet.network_address
        subnet = Subnet(_FAMILIES[address.version], bits, address.packed[: -(-bits // 8)])
    return source_of(question.client, subnet, view.index.trust)


def _steered(view: View, name: bytes, rrtype: int) -> Steered | None:
    zone = zone_of(view.index, name, rrtype)
    found = place(zone, name, rrtype) if zone is not None else None
    return found.node.steered if isinstance(found, Found) else None


def _alias_targets(reply: dns.message.Message) -> Iterator[bytes]:
    for rrset in reply.answer:
        if rrset.rdtype == dns.rdatatype.CNAME:
            yield Name.from_text(rrset[0].target.to_text()).wire


def _describe(question: Question, source: Source) -> str:
    if question.subnet is None:
        return f"{question.client.address} asks for itself, without ECS"
    used = ip_address(source.address)
    if used not in question.subnet:
        return f"{question.subnet} by ECS tells nothing (private or reserved): the resolver {used} decides"
    return f"{question.subnet} by ECS"


def _without_service(reply: dns.message.Message) -> str:
    match reply.rcode():
        case dns.rcode.REFUSED:
            return "the name is in none of the zones"
        case dns.rcode.NXDOMAIN:
            return "the zone has no such name"
        case dns.rcode.NOERROR if reply.answer:
            return "plain records: the same for every client"
        case dns.rcode.NOERROR if not reply.flags & dns.flags.AA:
            return "a referral: another name server has authority there"
        case dns.rcode.NOERROR:
            return "the name exists, without records of this type"
        case other:
            return f"no service answers here: {dns.rcode.to_text(other)}"


def _scope(reply: dns.message.Message) -> int:
    return next((option.scopelen for option in reply.options if isinstance(option, dns.edns.ECSOption)), 0)


def _dump_step(step: ExplainStep) -> pb.ExplainStep:
    row = [pb.NamedShare(name=name, share=share) for name, share in step.row]
    return pb.ExplainStep(what=step.what, text=step.text, row=row)
