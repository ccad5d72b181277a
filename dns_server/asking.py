"""Asking a dns server for a zone's SOA record as clients do, over UDP and TCP. Blocking: for threads."""

from __future__ import annotations

import secrets
import socket
import struct
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Protocol

from gslb.core.answering.records import RRClass, RRType
from gslb.core.names import Name
from gslb.runtime.addresses import SocketAddress

TIMEOUT_S = 1.0
ATTEMPTS = 3
"""Before a wrong answer, or none, counts as trouble: a packet may be lost, or a process that goes may have answered."""
_MAX_BYTES = 65_535
_REPLY_AND_RCODE, _NOERROR = 0x800F, 0x8000
_HEADER, _FIXED = struct.Struct("!6H"), struct.Struct("!2HIH")


class Way(Protocol):
    """How an address is asked; what it holds open ends with `close`."""

    def __str__(self) -> str: ...

    def ask(self, packet: bytes) -> bytes:
        """The reply; raises OSError, TimeoutError too."""
        ...

    def close(self) -> None: ...


class OverUdp:
    """From another port each time, as the workers of a dns server share packets by that."""

    def __init__(self, address: SocketAddress) -> None:
        self._address = address

    def __str__(self) -> str:
        return f"over UDP at {self._address}"

    def ask(self, packet: bytes) -> bytes:
        where = _reachable(self._address)
        with socket.socket(_family(where), socket.SOCK_DGRAM) as sock:
            sock.settimeout(TIMEOUT_S)
            sock.connect((where.host, where.port))
            sock.send(packet)
            return sock.recv(_MAX_BYTES)

    def close(self) -> None:
        """Nothing is held open."""


class OverTcp:
    """Over one connection, and a new one after anything went wrong."""

    def __init__(self, address: SocketAddress) -> None:
        self._address = address
        self._open = ExitStack()
        self._sock: socket.socket | None = None

    def __str__(self) -> str:
        return f"over TCP at {self._address}"

    def ask(self, packet: bytes) -> bytes:
        try:
            return self._ask(packet)
        except OSError:
            self.close()
            raise

    def _ask(self, packet: bytes) -> bytes:
        if self._sock is None:
            where = _reachable(self._address)
            self._sock = self._open.enter_context(socket.create_connection((where.host, where.port), timeout=TIMEOUT_S))
            self._stream = self._open.enter_context(self._sock.makefile("rb"))
        self._sock.sendall(struct.pack("!H", len(packet)) + packet)
        length = int.from_bytes(self._stream.read(2))
        reply = self._stream.read(length)
        if not length or len(reply) < length:
            raise ConnectionError("the connection was closed")
        return reply

    def close(self) -> None:
        self._sock = None
        self._open.close()


def trouble_of(way: Way, apex: Name, serial: int) -> str:
    """What is wrong with what is answered for the SOA record of this zone, after some attempts; '' = nothing."""
    trouble = ""
    for _ in range(ATTEMPTS):
        trouble = _ask_once(way.ask, apex, serial)
        if not trouble:
            return ""
    return f"{trouble}, {way}"


def _ask_once(ask: Callable[[bytes], bytes], apex: Name, serial: int) -> str:
    number = secrets.randbits(16)
    packet = _HEADER.pack(number, 0, 1, 0, 0, 0) + apex.wire + struct.pack("!2H", RRType.SOA, RRClass.IN)
    try:
        found = serial_of(ask(packet), packet)
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


def _reachable(address: SocketAddress) -> SocketAddress:
    """What is listened at on all addresses answers at loopback too."""
    if not address.is_anywhere:
        return address
    return SocketAddress("::1" if ":" in address.host else "127.0.0.1", address.port)


def _family(address: SocketAddress) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address.host else socket.AF_INET
