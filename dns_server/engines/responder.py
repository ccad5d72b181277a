"""The Python engine's one door to `gslb.core.answering.answer`: counts everything and lets no exception out."""

from __future__ import annotations

from dns_server.engines.base import Counters, Kind
from dns_server.engines.python_tally import PythonTally
from gslb.core.answering.answer import Dropped, answer
from gslb.core.answering.identity import NOBODY
from gslb.core.answering.limit import Limiter
from gslb.core.answering.records import type_label
from gslb.core.answering.source import Client, Transport
from gslb.core.answering.view import View
from gslb.core.model import IPAddress
from gslb.runtime.clock import monotonic_ms, wall_unix_s
from gslb.runtime.logs import get_logger

FAULTS_LOGGED = 10
"""A stranger who finds a fault must not fill the disk with it; the counter tells how often."""
_ENTROPY_STEP = 0x9E3779B97F4A7C15
_U64 = (1 << 64) - 1


class Responder:
    """Packet in, message out, or None where nothing is to be sent."""

    def __init__(self, counters: Counters, entropy: int) -> None:
        """`entropy`: where the sequence of draws starts, so that several servers do not move in step."""
        self.view: View | None = None
        self.identity = NOBODY
        self.tally: PythonTally | None = None
        """Of the view's snapshot."""
        self._counters = counters
        self._entropy = entropy
        self._limiter = Limiter(entropy)
        self._log = get_logger("dns")

    def respond(self, packet: bytes, address: IPAddress, transport: Transport) -> bytes | None:
        counters = self._counters
        client = Client(address, transport, monotonic_ms(), wall_unix_s())
        counters.received_bytes += len(packet)
        self._entropy = self._entropy + _ENTROPY_STEP & _U64
        try:
            result = answer(packet, client, self.view, self._entropy, self._limiter, self.identity)
        except Exception:  # noqa: BLE001 - whatever fault of ours it is, it must cost one answer and not the server
            counters.dropped["internal error"] += 1
            if counters.dropped["internal error"] <= FAULTS_LOGGED:
                self._log.exception("query failed", packet=packet[:512].hex())
            return None
        if result.limited is not None:
            counters.limited[result.limited] += 1
        if result.cookie is not None:
            counters.cookies[result.cookie] += 1
        if result.refusal:
            counters.malformed[result.refusal] += 1
        if isinstance(result, Dropped):
            counters.dropped[result.reason] += 1
            return None
        counters.queries[Kind(client.transport, type_label(result.rrtype), result.rcode.name)] += 1
        if self.tally is not None:
            self.tally.count(result.choices)
        counters.truncated += result.truncated
        counters.ecs += result.ecs
        counters.sent_bytes += len(result.message)
        return result.message
