"""A snapshot on trial: loaded, checked, decided, prepared by the engine and asked about itself, all before any client
meets it.

All of this is slow and runs in a thread; a snapshot that fails anywhere is refused as a whole.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address

from dns_server.engines.base import Engine
from dns_server.received import Received
from gslb.codec.snapshot import load_snapshot, load_steering, refs
from gslb.core.answering.records import Rcode, RRClass, RRType
from gslb.core.answering.source import Client, Transport
from gslb.core.answering.view import Index
from gslb.core.decision import Decision
from gslb.core.directives import NO_DIRECTIVES, Directives
from gslb.core.errors import InvalidSnapshot
from gslb.core.facts import NO_FACTS, Facts
from gslb.core.model import Model
from gslb.core.names import Name
from gslb.core.silence import NO_SILENCE, Silence
from gslb.core.steering.decide import decide
from gslb.runtime.garbage import building
from gslb.runtime.logs import get_logger

_SELF = Client(IPv4Address("127.0.0.1"), Transport.TCP)
_SERVICES_ASKED = 100
_HEADER = struct.Struct("!6H")


@dataclass(frozen=True, slots=True, kw_only=True)
class Premises:
    """What a decision is made from besides the snapshot."""

    directives: Directives
    facts: Facts
    silent: Silence


NO_PREMISES = Premises(directives=NO_DIRECTIVES, facts=NO_FACTS, silent=NO_SILENCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """A snapshot that may serve, and its decision from `premises`."""

    received: Received
    index: Index
    premises: Premises
    decision: Decision


@building()
def try_out(received: Received, premises: Premises, engine: Engine) -> Passed:
    """Raises InvalidSnapshot, whatever is wrong with the snapshot."""
    try:
        return _try_out(received, premises, engine)
    except InvalidSnapshot:
        raise
    except Exception as error:
        get_logger("dns").exception("snapshot failed on trial", order=str(received.order))
        raise InvalidSnapshot(f"it made this dns server fail: {type(error).__name__}: {error}") from error


def _try_out(received: Received, premises: Premises, engine: Engine) -> Passed:
    load = load_steering if engine.reads_chunks else load_snapshot
    snapshot = load(received.envelope.payload, received.chunks)
    if snapshot.order != received.order:
        raise InvalidSnapshot(f"the manifest says {snapshot.order}, its envelope {received.order}")
    index = Index(snapshot=snapshot)
    decision = decide(snapshot, premises.directives, premises.facts, premises.silent)
    chunks = [received.chunks[ref.digest] for ref in refs(received.envelope.payload)]
    engine.prepare(index.with_decision(decision), chunks)
    _ask_about_itself(engine, snapshot.model)
    return Passed(received=received, index=index, premises=premises, decision=decision)


def _ask_about_itself(engine: Engine, model: Model) -> None:
    """Every zone must answer for its SOA, and services for their addresses."""
    for zone in model.zones:
        _ask(engine, zone.apex, RRType.SOA)
    for service in model.services[:_SERVICES_ASKED]:
        for rrtype in (RRType.A, RRType.AAAA):
            _ask(engine, service.name, rrtype)


def _ask(engine: Engine, name: Name, rrtype: RRType) -> None:
    """As a client would, over TCP, so that nothing is cut off."""
    packet = _HEADER.pack(0, 0, 1, 0, 0, 0) + name.wire + struct.pack("!2H", rrtype, RRClass.IN)
    reply = engine.ask(packet, _SELF)
    if reply is None:
        raise InvalidSnapshot(f"asked for {rrtype.name} of '{name}' it does not answer")
    _, flags, _, answers, authority, _ = _HEADER.unpack_from(reply)
    rcode = Rcode(flags & 0xF)
    served = rcode is Rcode.SERVFAIL or (rcode is Rcode.NOERROR and (answers or authority))
    if not served or (rrtype is RRType.SOA and not answers):
        raise InvalidSnapshot(f"asked for {rrtype.name} of '{name}' it answers {rcode.name} with nothing")
