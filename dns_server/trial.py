"""A snapshot on trial: loaded, checked, indexed, decided, asked about itself and prepared by the engine, all before any
client meets it.

All of this is slow and runs in a thread; a snapshot that fails anywhere is refused as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address

from dns_server.received import Received
from gslb.codec.snapshot import load_snapshot, refs
from gslb.core.answering.answer import reply_to
from gslb.core.answering.records import Rcode, RRClass, RRType
from gslb.core.answering.source import Client, Transport
from gslb.core.answering.view import Index, View, build_view
from gslb.core.answering.wire import Query
from gslb.core.decision import Decision
from gslb.core.directives import NO_DIRECTIVES, Directives
from gslb.core.errors import InvalidSnapshot
from gslb.core.facts import NO_FACTS, AgentId, Facts
from gslb.core.steering.decide import decide
from gslb.runtime.logs import get_logger

_SELF = Client(IPv4Address("127.0.0.1"), Transport.TCP)
_SERVICES_ASKED = 100

Prepare = Callable[[View, Sequence[bytes]], None]
"""`Engine.prepare`."""


def no_engine(_view: View, _chunks: Sequence[bytes]) -> None:
    """Prepares nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Premises:
    """What a decision is made from besides the snapshot."""

    directives: Directives
    facts: Facts
    silent: frozenset[AgentId]


NO_PREMISES = Premises(directives=NO_DIRECTIVES, facts=NO_FACTS, silent=frozenset())


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """A snapshot that may serve, and its decision from `premises`."""

    received: Received
    index: Index
    premises: Premises
    decision: Decision


def try_out(received: Received, premises: Premises, prepare: Prepare = no_engine) -> Passed:
    """Raises InvalidSnapshot, whatever is wrong with the snapshot."""
    try:
        return _try_out(received, premises, prepare)
    except InvalidSnapshot:
        raise
    except Exception as error:
        get_logger("dns").exception("snapshot failed on trial", order=str(received.order))
        raise InvalidSnapshot(f"it made this dns server fail: {type(error).__name__}: {error}") from error


def _try_out(received: Received, premises: Premises, prepare: Prepare) -> Passed:
    snapshot = load_snapshot(received.envelope.payload, received.chunks)
    if snapshot.order != received.order:
        raise InvalidSnapshot(f"the manifest says {snapshot.order}, its envelope {received.order}")
    index = build_view(snapshot)
    decision = decide(snapshot, premises.directives, premises.facts, premises.silent)
    view = index.with_decision(decision)
    _ask_itself(view)
    prepare(view, [received.chunks[ref.digest] for ref in refs(received.envelope.payload)])
    return Passed(received=received, index=index, premises=premises, decision=decision)


def _ask_itself(view: View) -> None:
    """Every zone must answer for its SOA, and services for their addresses."""
    model = view.index.snapshot.model
    for zone in model.zones:
        _ask(view, zone.apex.wire, RRType.SOA)
    for service in model.services[:_SERVICES_ASKED]:
        for rrtype in (RRType.A, RRType.AAAA):
            _ask(view, service.name.wire, rrtype)


def _ask(view: View, name: bytes, rrtype: RRType) -> None:
    query = Query(0, False, name, name, rrtype, RRClass.IN, None)
    reply = reply_to(query, _SELF, None, view, 0)
    served = reply.rcode == Rcode.SERVFAIL or (reply.rcode == Rcode.NOERROR and (reply.answer or reply.authority))
    if not served or (rrtype == RRType.SOA and not reply.answer):
        raise InvalidSnapshot(f"asked for {rrtype.name} of {name!r} it answers {reply.rcode.name} with nothing")
