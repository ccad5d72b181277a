"""`http`: one request, one answer judged by status and body. HTTP/1.1, over TLS if wanted; redirects are not followed.

Of the body at most 64 KiB are read: text wanted later than that is not found, and the connection of a longer answer is
closed instead of watched. A header of more than 16 KiB is a protocol failure.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

import h11

from gslb import __version__
from gslb.core.errors import InvalidSnapshot
from gslb.core.facts import Cause
from gslb.core.model import IPAddress
from gslb.core.monitors import HttpProbe, Monitor
from site_agent.probe.base import Answer, ProbeFailed
from site_agent.probe.connection import Connection, connect
from site_agent.probe.tls import Tls, TlsContexts

MOST_HEADER_BYTES = 16 * 1024
MOST_BODY_BYTES = 64 * 1024


class HttpAsker:
    """One http monitor's question to one target."""

    def __init__(self, monitor: Monitor, probe: HttpProbe, host: str, contexts: TlsContexts) -> None:
        self._port = monitor.port
        self._probe = probe
        self._keep_open = monitor.crash or probe.keep
        self._tls = _tls(probe, host, contexts) if probe.tls else None
        self._wanted_text = probe.body.encode() if probe.body is not None else None
        self._request = _request(monitor, probe, host, keep_open=self._keep_open)
        self._request_bytes = h11.Connection(h11.CLIENT).send(self._request) or b""
        self.waiting_for = "connection"

    async def ask(self, address: IPAddress, kept: Connection | None) -> Answer:
        """Ask on the kept connection where the monitor wants that, else on a fresh one."""
        if self._probe.keep and kept is not None and kept.is_fresh:
            try:
                return await self._converse(kept)
            except _Stale:
                pass  # the server closed it just now, as it may: this says nothing, so ask on a fresh one
        self.waiting_for = "connection" if self._tls is None else "TLS connection"
        connection = await connect(address, self._port, self._tls)
        try:
            return await self._converse(connection)
        except _Stale:
            raise ProbeFailed(Cause.RESET, "connection closed before an answer") from None

    async def _converse(self, connection: Connection) -> Answer:
        self.waiting_for = "answer"
        connection.unwatch()
        connection.send(self._request_bytes)
        try:
            answer = await self._read(connection)
        except BaseException:
            connection.close()
            raise
        if self._keep_open and answer.is_reusable and connection.is_fresh:
            return Answer(detail=f"status {answer.status}", connection=connection)
        connection.close()
        return Answer(detail=f"status {answer.status}", connection=None)

    async def _read(self, connection: Connection) -> _Response:
        parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_HEADER_BYTES)
        parser.send(self._request)
        parser.send(h11.EndOfMessage())
        try:
            status = await self._read_head(connection, parser)
            return await self._read_body(connection, parser, status)
        except h11.RemoteProtocolError as error:
            _, has_ended = parser.trailing_data
            if has_ended:
                raise ProbeFailed(Cause.RESET, "connection closed within the answer") from error
            raise ProbeFailed(Cause.PROTOCOL, f"not HTTP: {str(error).lower()}") from error

    async def _read_head(self, connection: Connection, parser: h11.Connection) -> int:
        """The status, if it is one of those wanted."""
        has_begun = False
        while True:
            event = parser.next_event()
            if isinstance(event, h11.Response):
                break
            if event is h11.NEED_DATA:
                data = await _receive(connection, has_begun=has_begun)
                has_begun = True
                parser.receive_data(data)
        if not any(first <= event.status_code <= last for first, last in self._probe.status):
            raise ProbeFailed(Cause.STATUS, f"status {event.status_code}, wanted {_ranges(self._probe.status)}")
        return event.status_code

    async def _read_body(self, connection: Connection, parser: h11.Connection, status: int) -> _Response:
        """To its end or the cap; the text that must be in it is looked for."""
        self.waiting_for = "end of the answer"
        body, is_whole = bytearray(), False
        while len(body) < MOST_BODY_BYTES:
            event = parser.next_event()
            if isinstance(event, h11.Data):
                body += event.data
            elif event is h11.NEED_DATA:
                parser.receive_data(await _receive_rest(connection))
            else:
                is_whole = True
                break
        if self._wanted_text is not None and self._wanted_text not in body[:MOST_BODY_BYTES]:
            raise ProbeFailed(Cause.BODY, f"status {status}, but the body lacks '{self._probe.body}'")
        return _Response(status=status, is_reusable=is_whole and _is_reusable(parser))


def make(monitor: Monitor, host: str, contexts: TlsContexts) -> HttpAsker:
    """The registry's entry."""
    if not isinstance(monitor.probe, HttpProbe):
        raise TypeError(f"monitor '{monitor.name}' is not of kind http")
    return HttpAsker(monitor, monitor.probe, host, contexts)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Response:
    status: int
    is_reusable: bool


class _Stale(Exception):
    """The peer ended the connection before the first octet of an answer."""


async def _receive(connection: Connection, *, has_begun: bool) -> bytes:
    """The next octets of the header."""
    if has_begun:
        return await _receive_rest(connection)
    try:
        data = await connection.receive()
    except ConnectionError:
        data = b""
    if not data:
        raise _Stale
    return data


async def _receive_rest(connection: Connection) -> bytes:
    """The next octets; b"" at the end, of which the parser knows whether it may come now."""
    try:
        return await connection.receive()
    except ConnectionError as error:
        raise ProbeFailed(Cause.RESET, "connection reset within the answer") from error


def _is_reusable(parser: h11.Connection) -> bool:
    return parser.our_state is h11.DONE and parser.their_state is h11.DONE and not parser.trailing_data[0]


def _request(monitor: Monitor, probe: HttpProbe, host: str, *, keep_open: bool) -> h11.Request:
    headers = [
        ("Host", probe.host or _authority(host, monitor.port, 443 if probe.tls else 80)),
        ("User-Agent", f"aya-gslb/{__version__}"),
        ("Accept", "*/*"),
        ("Connection", "keep-alive" if keep_open else "close"),
    ]
    try:
        return h11.Request(method=probe.method, target=probe.path, headers=headers)
    except (h11.LocalProtocolError, UnicodeError) as error:
        raise InvalidSnapshot(f"monitor '{monitor.name}' cannot be asked over HTTP: {error}") from error


def _tls(probe: HttpProbe, host: str, contexts: TlsContexts) -> Tls:
    name = probe.sni or (_without_port(probe.host) if probe.host else host)
    return Tls(context=contexts.get(verify=probe.verify), name=name)


def _authority(host: str, port: int, default_port: int) -> str:
    shown = f"[{host}]" if _is_v6(host) else host
    return shown if port == default_port else f"{shown}:{port}"


def _without_port(host: str) -> str:
    """`name`, `name:port`, `[v6]`, `[v6]:port` or a bare IPv6 address, without port and brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host if _is_v6(host) else host.partition(":")[0]


def _is_v6(host: str) -> bool:
    try:
        return ip_address(host).version == 6
    except ValueError:
        return False


def _ranges(ranges: tuple[tuple[int, int], ...]) -> str:
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)
