"""The demo's resolver: asks over UDP with ECS, as a public resolver would for its clients."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Network

import dnslib

ECS_OPTION = 8
TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """`addresses`: the A records; `scope`: ECS scope prefix-length."""

    rcode: int
    addresses: tuple[str, ...]
    scope: int


@dataclass(slots=True)
class Resolver(asyncio.DatagramProtocol):
    """Asks one dns server; many queries may be under way at once."""

    transport: asyncio.DatagramTransport | None = None
    _ids: itertools.count[int] = field(default_factory=itertools.count)
    _waiting: dict[int, asyncio.Future[bytes]] = field(default_factory=dict)

    def datagram_received(self, data: bytes, addr: object) -> None:
        waiting = self._waiting.get(int.from_bytes(data[:2]))
        if waiting is not None and not waiting.done():
            waiting.set_result(data)

    async def ask(self, name: str, client: IPv4Network) -> Reply | None:
        """The answer for a client in that network; None when nobody answers within a second."""
        number = next(self._ids) % 65_536
        self._waiting[number] = reply = asyncio.get_running_loop().create_future()
        try:
            assert self.transport is not None
            self.transport.sendto(_query(number, name, client))
            return _parse(await asyncio.wait_for(reply, TIMEOUT_S))
        except TimeoutError:
            return None
        finally:
            del self._waiting[number]


@asynccontextmanager
async def resolver(host: str, port: int) -> AsyncIterator[Resolver]:
    """A resolver for one dns server, closed at the end."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(Resolver, remote_addr=(host, port))
    protocol.transport = transport
    try:
        yield protocol
    finally:
        transport.close()


def _query(number: int, name: str, client: IPv4Network) -> bytes:
    octets = client.network_address.packed[: (client.prefixlen + 7) // 8]
    option = dnslib.EDNSOption(ECS_OPTION, bytes([0, 1, client.prefixlen, 0]) + octets)
    query = dnslib.DNSRecord.question(name)
    query.header.id = number
    query.add_ar(dnslib.EDNS0(udp_len=1232, opts=[option]))
    return bytes(query.pack())


def _parse(data: bytes) -> Reply:
    record = dnslib.DNSRecord.parse(data)
    options = [option for rr in record.ar if rr.rtype == dnslib.QTYPE.OPT for option in rr.rdata]
    scope = next((option.data[3] for option in options if option.code == ECS_OPTION), 0)
    addresses = tuple(str(rr.rdata) for rr in record.rr if rr.rtype == dnslib.QTYPE.A)
    return Reply(rcode=record.header.rcode, addresses=addresses, scope=scope)
