"""Packets to a dns server over UDP, and what comes back, as bytes."""

from __future__ import annotations

import asyncio
import socket

from gslb.runtime.addresses import SocketAddress

DEADLINE_S = 10


async def ask_udp(server: SocketAddress, *packets: bytes, wanted: int | None = None, source: str = "") -> list[bytes]:
    """Send all from one socket, at `source` if given, then read `wanted` replies; None: one for each."""
    with socket.socket(socket.AF_INET6 if ":" in server.host else socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        if source:
            client.bind((source, 0))
        client.connect((server.host, server.port))
        for packet in packets:
            client.send(packet)
        async with asyncio.timeout(DEADLINE_S):
            count = len(packets) if wanted is None else wanted
            return [await asyncio.get_running_loop().sock_recv(client, 65_535) for _ in range(count)]
