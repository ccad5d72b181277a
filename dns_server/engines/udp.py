"""DNS over UDP: as many packets a turn as are waiting, up to a bound, so that TCP and the control plane get theirs."""

from __future__ import annotations

import socket

from dns_server.engines.base import Counters
from dns_server.engines.sockets import ARRIVAL_BYTES, Ancillary, address_at, sent_from
from dns_server.engines.tcp import Respond
from gslb.core.answering.source import Transport
from gslb.runtime.clock import monotonic_s

LONGEST_QUERY_BYTES = 4096
"""What is longer arrives cut off, and is refused as such."""
PER_TURN = 32
_NOW = socket.MSG_DONTWAIT


class UdpReader:
    """Reads and answers what one socket has; the event loop calls it when there is something."""

    def __init__(self, udp: socket.socket, respond: Respond, counters: Counters) -> None:
        self._socket = udp
        self._respond = respond
        self._counters = counters

    def __call__(self) -> None:
        for _ in range(PER_TURN):
            try:
                packet, arrival, _, peer = self._socket.recvmsg(LONGEST_QUERY_BYTES, ARRIVAL_BYTES, _NOW)
            except BlockingIOError:
                return
            except OSError:
                self._counters.dropped["receive failed"] += 1
                return
            received_s = monotonic_s()
            message = self._respond(packet, address_at(peer[0]), Transport.UDP)
            if message is not None:
                self._send(message, sent_from(arrival), peer)
                self._counters.latency[Transport.UDP].count(monotonic_s() - received_s)

    def _send(self, message: bytes, source: Ancillary, peer: tuple[str, int]) -> None:
        """Never waits: a reply that the kernel does not take is lost, as it might be on the way."""
        try:
            self._socket.sendmsg((message,), source, _NOW, peer)
        except OSError:
            self._counters.dropped["send failed"] += 1
