"""Sockets to listen on: UDP and TCP at the same address and port, and who is at the other end.

Whether calls block is a property of the socket, so two processes that share it during a hand-over must agree: for TCP
they do not, for UDP they do unless a call says otherwise.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from gslb.core.model import IPAddress
from gslb.runtime.addresses import SocketAddress

UDP_RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024
BACKLOG = 512
_TRIES = 20
_IP_PKTINFO = 8
"""As in <linux/in.h>; Python has no name for it before 3.14."""
ARRIVAL_BYTES = socket.CMSG_SPACE(20)
"""Room for the address at which a packet arrived."""

Ancillary = list[tuple[int, int, bytes]]
Place = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
"""As sockets say it: with flow and scope for IPv6 (the last form is Python's without IPv6)."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One listen address. `udp`: one socket, or as many as the process before us had."""

    address: SocketAddress
    udp: tuple[socket.socket, ...]
    tcp: socket.socket

    def close(self) -> None:
        for each in (*self.udp, self.tcp):
            each.close()


def pairs_at(listen: Iterable[SocketAddress], taken: Iterable[socket.socket]) -> Iterator[Pair]:
    """For each address copies of the sockets that were taken over there, or else new ones. Raises OSError."""
    by_address: dict[object, list[socket.socket]] = {}
    for each in taken:
        by_address.setdefault(each.getsockname(), []).append(each)
    for address in listen:
        _, wanted = resolve(address)
        yield _copied(address, by_address[wanted]) if wanted in by_address else bind(address)


def resolve(address: SocketAddress) -> tuple[socket.AddressFamily, Place]:
    """A name is taken as the system knows it. Raises OSError."""
    try:
        family, *_, place = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_DGRAM)[0]
    except socket.gaierror as error:
        raise OSError(error.errno, f"cannot listen on {address}: {error.strerror}") from None
    return family, place


def _copied(address: SocketAddress, taken: Iterable[socket.socket]) -> Pair:
    """Not by `dup`, which would make them block where they are still in use."""
    copies = [socket.socket(fileno=os.dup(each.fileno())) for each in taken]
    (tcp,) = (each for each in copies if each.type == socket.SOCK_STREAM)
    return Pair(address, tuple(each for each in copies if each.type == socket.SOCK_DGRAM), tcp)


def bind(wanted: SocketAddress) -> Pair:
    """Bind both; port 0 takes one that is free for both. Raises OSError."""
    for _ in range(_TRIES):
        tcp = _bind_one(wanted, socket.SOCK_STREAM)
        address = SocketAddress(wanted.host, tcp.getsockname()[1])
        try:
            udp = _bind_one(address, socket.SOCK_DGRAM)
        except OSError as error:
            tcp.close()
            if wanted.port == 0 and error.errno == errno.EADDRINUSE:
                continue
            raise
        tcp.listen(BACKLOG)
        return Pair(address, (udp,), tcp)
    raise OSError(errno.EADDRINUSE, f"no port of {wanted.host} is free for both UDP and TCP")


def address_at(host: str) -> IPAddress:
    """The address of a socket's peer; IPv4 seen through an IPv6 socket is IPv4."""
    address = ip_address(host.partition("%")[0])
    mapped = address.ipv4_mapped if address.version == 6 else None
    return mapped or address


def sent_from(arrival: Ancillary) -> Ancillary:
    """What makes a reply leave from the address at which its query arrived; nothing where a socket has only one."""
    for level, kind, data in arrival:
        if level == socket.IPPROTO_IP and kind == _IP_PKTINFO:  # interface, local address, destination
            return [(level, kind, bytes(4) + data[4:8] + bytes(4))]
        if level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:  # destination, interface
            return [(level, kind, data[:16] + bytes(4))]
    return []


def _tell_arrival(udp: socket.socket) -> None:
    """A socket for all addresses must say for each packet at which of them it came, or replies leave from another."""
    if not ip_address(udp.getsockname()[0].partition("%")[0]).is_unspecified:
        return
    if udp.family == socket.AF_INET6:
        udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    else:
        udp.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)


def _bind_one(address: SocketAddress, kind: socket.SocketKind) -> socket.socket:
    family, place = resolve(address)
    made = socket.socket(family, kind)
    try:
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_STREAM:
            made.setblocking(False)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, UDP_RECEIVE_BUFFER_BYTES)
        made.bind(place)
        if kind == socket.SOCK_DGRAM:
            _tell_arrival(made)
    except OSError as error:
        made.close()
        raise OSError(error.errno, f"cannot listen on {address}: {error.strerror}") from error
    return made
