"""A look at oneself from outside: a zone's SOA record, asked for over UDP and TCP where clients ask.

Done when another snapshot serves and every ten seconds; again at once when the answer was wrong. Takes nothing out of
service by itself: coordinators are told, and let no other dns server have what did not do well here.
"""

from __future__ import annotations

import asyncio
import math
import secrets
import socket
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress

from dns_server.replica import Replica
from gslb.core.answering.records import RRClass, RRType
from gslb.core.names import Name
from gslb.core.order import Order
from gslb.core.snapshot import Snapshot
from gslb.runtime.addresses import SocketAddress
from gslb.runtime.logs import get_logger

LOOK_S = 0.5
EVERY_S = 10.0
TIMEOUT_S = 1.0
ATTEMPTS = 3
"""Before a wrong answer, or none, counts as trouble: a packet may be lost, or a process that goes may have answered."""
_MAX_BYTES = 65_535
_REPLY_AND_RCODE, _NOERROR = 0x800F, 0x8000
_HEADER, _FIXED = struct.Struct("!6H"), struct.Struct("!2HIH")


class SelfQuery:
    """`clock` is monotonic."""

    def __init__(self, replica: Replica, clock: Callable[[], float]) -> None:
        self._replica = replica
        self._clock = clock
        self._asked_s = -math.inf
        self.asked = Order()
        """Of the snapshot that the last look was at."""
        self.trouble = ""
        """What was wrong then; '' = nothing."""
        self.failed = 0

    async def follow(self, listen: Sequence[SocketAddress]) -> None:
        """Until cancelled. `listen`: where clients ask."""
        while True:
            snapshot = self._replica.snapshot
            if snapshot is not None and self._is_due(snapshot.order):
                await self._look(snapshot, listen)
            await asyncio.sleep(LOOK_S)

    def _is_due(self, order: Order) -> bool:
        return order != self.asked or bool(self.trouble) or self._clock() - self._asked_s >= EVERY_S

    async def _look(self, snapshot: Snapshot, listen: Sequence[SocketAddress]) -> None:
        trouble = ""
        for zone in snapshot.model.zones[:1]:
            trouble = await asyncio.to_thread(_ask_all, listen, zone.apex, snapshot.serials[zone.apex])
        if self._replica.snapshot is snapshot:  # else the answers may be of either
            self._conclude(snapshot.order, trouble)

    def _conclude(self, order: Order, trouble: str) -> None:
        self.failed += bool(trouble)
        if trouble and not self.trouble:
            get_logger("dns").error("wrong answers to itself", order=str(order), reason=trouble)
        self.asked, self.trouble, self._asked_s = order, trouble, self._clock()


def _ask_all(listen: Sequence[SocketAddress], apex: Name, serial: int) -> str:
    """What is wrong with what is answered there; '' = nothing."""
    for address in listen:
        for ask in (ask_udp, ask_tcp):
            trouble = ""
            for _ in range(ATTEMPTS):
                trouble = _ask_once(ask, address, apex, serial)
                if not trouble:
                    break
            if trouble:
                return f"{trouble}, over {'UDP' if ask is ask_udp else 'TCP'} at {address}"
    return ""


Ask = Callable[[SocketAddress, bytes], bytes]


def _ask_once(ask: Ask, address: SocketAddress, apex: Name, serial: int) -> str:
    number = secrets.randbits(16)
    packet = _HEADER.pack(number, 0, 1, 0, 0, 0) + apex.wire + struct.pack("!2H", RRType.SOA, RRClass.IN)
    try:
        found = serial_of(ask(address, packet), packet)
    except OSError as error:
        return f"no answer for the SOA record of '{apex}' ({type(error).__name__})"
    if found is None:
        return f"an answer without the SOA record of '{apex}'"
    return "" if found == serial else f"'{apex}' has serial {found} there, and {serial} in the configuration"


def serial_of(reply: bytes, query: bytes) -> int | None:
    """Of the SOA record that is the first answer of `reply`; None when it is no such reply."""
    with suppress(struct.error, IndexError):
        number, flags, _, answers, _, _ = _HEADER.unpack_from(reply)
        at = len(query)
        is_reply = (number, reply[12:at]) == (_HEADER.unpack_from(query)[0], query[12:])
        if not is_reply or flags & _REPLY_AND_RCODE != _NOERROR or not answers:
            return None
        while reply[at] and not reply[at] & 0xC0:
            at += 1 + reply[at]
        at += 2 if reply[at] else 1
        rrtype, _, _, length = _FIXED.unpack_from(reply, at)
        end = at + _FIXED.size + length
        if rrtype == RRType.SOA and end <= len(reply):
            return int.from_bytes(reply[end - 20 : end - 16])
    return None


def ask_udp(address: SocketAddress, packet: bytes) -> bytes:
    """Blocking; raises OSError, TimeoutError too."""
    where = _reachable(address)
    with socket.socket(_family(where), socket.SOCK_DGRAM) as sock:
        sock.settimeout(TIMEOUT_S)
        sock.connect((where.host, where.port))
        sock.send(packet)
        return sock.recv(_MAX_BYTES)


def ask_tcp(address: SocketAddress, packet: bytes) -> bytes:
    """Blocking; raises OSError, TimeoutError too."""
    where = _reachable(address)
    with socket.create_connection((where.host, where.port), timeout=TIMEOUT_S) as sock, sock.makefile("rb") as stream:
        sock.sendall(struct.pack("!H", len(packet)) + packet)
        return stream.read(int.from_bytes(stream.read(2)))


def _reachable(address: SocketAddress) -> SocketAddress:
    """What is listened at on all addresses answers at loopback too."""
    if not address.is_anywhere:
        return address
    return SocketAddress("::1" if ":" in address.host else "127.0.0.1", address.port)


def _family(address: SocketAddress) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address.host else socket.AF_INET
