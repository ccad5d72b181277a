"""The native engine beside the reference: the same snapshot and decisions, one packet at a time."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address

from dns_server import _native
from gslb.codec.engine import DecisionDumper, dump_costs, dump_static
from gslb.codec.snapshot import dump_snapshot, refs
from gslb.core.answering.answer import Answered, answer
from gslb.core.answering.source import Client, Transport
from gslb.core.answering.view import View
from gslb.core.decision import Decision
from gslb.core.model import IPAddress

SEED = 5


def chunks_of(view: View) -> list[bytes]:
    """The chunks of a view's snapshot, in the manifest's order."""
    bundle = dump_snapshot(view.index.snapshot)
    return [bundle.chunks[ref.digest] for ref in refs(bundle.manifest)]


class Native:
    """Follows the decisions of one snapshot, as the dns server does: the first whole, then differences."""

    def __init__(self, view: View) -> None:
        self.chunks = chunks_of(view)
        self.statics = _native.Static(self.chunks, dump_static(view.index.snapshot), SEED)
        self._dumper = DecisionDumper(view.index.snapshot)
        self._tables = _native.Tables(dump_costs())
        self.decision: _native.Decision | None = None
        self.message_bytes = 0
        self.take(view.decision)

    def take(self, decision: Decision) -> None:
        message = self._dumper.dump(decision)
        self.message_bytes = len(message)
        self.decision = _native.Decision(message, self.statics, self.decision, self._tables)
        self.answerer = _native.Answerer(self.decision, worker=0)

    def with_identity(self, nsid: bytes = b"", secrets: tuple[bytes, ...] = ()) -> _native.Answerer:
        """An answerer of the same decision that tells this of itself."""
        return _native.Answerer(self.decision, nsid=nsid, secrets=secrets, worker=0)


def both(
    native: _native.Answerer,
    view: View | None,
    packet: bytes,
    address: IPv4Address | IPv6Address,
    *,
    tcp: bool = False,
    entropy: int = 0,
) -> tuple[bytes | None, bytes | None]:
    """The reference's message and the native one's; None where nothing is sent."""
    client = Client(address, Transport.TCP if tcp else Transport.UDP)
    result = answer(packet, client, view, entropy)
    expected = result.message if isinstance(result, Answered) else None
    return expected, native.answer(packet, client, entropy)


def ecs_query(name: bytes, rrtype: int, address: IPAddress, bits: int) -> bytes:
    """A query with an ECS option of the first `bits` bits, made by hand, as there are many."""
    width = 8 * len(address.packed)
    octets = (int(address) >> width - bits << width - bits).to_bytes(width // 8)[: (bits + 7) // 8]
    option = struct.pack("!HHHBB", 8, 4 + len(octets), 1 if width == 32 else 2, bits, 0) + octets
    opt = struct.pack("!BHHIH", 0, 41, 1232, 0, len(option)) + option
    return struct.pack("!6H", 1, 0, 1, 0, 0, 1) + name + struct.pack("!2H", rrtype, 1) + opt


def plain_query(name: bytes, rrtype: int) -> bytes:
    return struct.pack("!6H", 1, 0, 1, 0, 0, 0) + name + struct.pack("!2H", rrtype, 1)
