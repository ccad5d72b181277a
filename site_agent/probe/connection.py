"""A TCP or TLS connection that its owner can talk over, and then watch: its loss is the first sign of a crash."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import cast

from gslb.core.model import IPAddress
from site_agent.probe.tls import HANDSHAKE_TIMEOUT_S, Tls
from site_agent.race import first_of
from site_agent.schedule import CONNECT_APART_MS, CONNECT_TRIES

MOST_BUFFERED_BYTES = 256 * 1024


async def connect(address: IPAddress, port: int, tls: Tls | None) -> Connection:
    """Open a connection, with `tls` the handshake done too. Raises OSError; the caller owns the time-out."""
    dialled = await first_of(
        CONNECT_TRIES,
        CONNECT_APART_MS / 1000,
        lambda: _dial(address, port),
        decides=lambda _: True,
        drop=socket.socket.close,
    )
    loop = asyncio.get_running_loop()
    if tls is None:
        _, connection = await loop.create_connection(Connection, sock=dialled)
        return connection
    _, connection = await loop.create_connection(
        Connection,
        sock=dialled,
        ssl=tls.context,
        server_hostname=tls.name,
        ssl_handshake_timeout=HANDSHAKE_TIMEOUT_S,
    )
    return connection


async def _dial(address: IPAddress, port: int) -> socket.socket:
    dialled = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_STREAM)
    try:
        dialled.setblocking(False)
        await asyncio.get_running_loop().sock_connect(dialled, (str(address), port))
    except BaseException:
        dialled.close()
        raise
    return dialled


class Connection(asyncio.Protocol):
    """Either in a conversation (`send`, `receive`) or idle and watched. One owner, who closes it."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._waiter: asyncio.Future[None] | None = None
        self._error: Exception | None = None
        self._has_ended = False
        self._on_lost: Callable[[], None] | None = None

    @property
    def is_fresh(self) -> bool:
        """Whether a new conversation can begin: open, and the peer has said nothing unasked."""
        return not self._has_ended and not self._received

    def send(self, data: bytes) -> None:
        """Send without waiting: probes are small."""
        if self._transport is not None:
            self._transport.write(data)

    async def receive(self) -> bytes:
        """What has come, at least one octet; b"" when the peer has ended. Raises ConnectionError on a reset."""
        if not self._received and not self._has_ended:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if not self._received and self._error is not None:
            raise self._error
        data = bytes(self._received)
        self._received.clear()
        return data

    def watch(self, on_lost: Callable[[], None]) -> None:
        """Call `on_lost`, once, when the connection ends without `close`; at once if it has ended already."""
        if self._has_ended:
            on_lost()
        else:
            self._on_lost = on_lost

    def unwatch(self) -> None:
        """A conversation begins: its end is the business of who leads it."""
        self._on_lost = None

    def close(self) -> None:
        """Forget it: no call of `on_lost`, no waiting for the peer."""
        self._on_lost = None
        self._has_ended = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if len(self._received) > MOST_BUFFERED_BYTES:
            self._end(ConnectionResetError("the peer sends more than was asked for"))
            self.close()
        self._wake()

    def eof_received(self) -> None:
        self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc)

    def _end(self, error: Exception | None) -> None:
        if self._has_ended:
            return
        self._has_ended, self._error = True, error
        self._wake()
        if self._on_lost is not None:
            on_lost, self._on_lost = self._on_lost, None
            on_lost()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
