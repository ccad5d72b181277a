"""Every gRPC server and channel of ours is made here: sizes, keepalive, dead peers noticed in seconds, and TLS."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import grpc

from gslb.core.identity.names import server_name
from gslb.runtime.addresses import SocketAddress
from gslb.runtime.cancellation import CancelledElsewhere
from gslb.runtime.tls import (
    LOOPBACK_ONLY,
    PlaintextRefused,
    Security,
    UnusableCertificate,
    client_credentials,
    server_credentials,
)

MAX_MESSAGE_BYTES = 2 * 1024 * 1024
CONNECT_TIMEOUT_S = 5.0
FIRST_MESSAGE_TIMEOUT_S = 10.0
STREAM_ENDS = (
    grpc.aio.AioRpcError,
    asyncio.InvalidStateError,
    TimeoutError,
    CancelledElsewhere,
    UnusableCertificate,
    PlaintextRefused,
)
"""How a stream to another process ends without a fault of ours."""
MISTRUST = "is a coordinator there, and does each trust the other's certificate? `gslb pki show` tells"
KNOWN_BOOT = "gslb-known-boot"
"""In the trailing metadata of an agent's stream that was refused for its boot number: the one it is below."""

_COMMON: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    # keepalive_timeout alone leaves a hung peer unnoticed for over a minute
    ("grpc.http2.ping_timeout_ms", 3_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
)
_CLIENT: tuple[tuple[str, int | str], ...] = (
    *_COMMON,
    ("grpc.initial_reconnect_backoff_ms", 200),
    # how long one attempt may last: TCP, TLS and HTTP/2 take three round trips, and coordinators may be far away
    ("grpc.min_reconnect_backoff_ms", 2_000),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
)
_SERVER: tuple[tuple[str, int], ...] = (
    *_COMMON,
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.so_reuseport", 0),
    ("grpc.server_handshake_timeout_ms", int(CONNECT_TIMEOUT_S * 1000)),
)


_NOBODY = ("failed to connect to all addresses", "socket closed")
"""How gRPC begins when it could not speak with the peer at all; a peer may quote what it heard from others."""
_UNTRUSTED = ("handshake failed", "socket closed")
"""What it says in there when a peer refuses the other's certificate, or its absence."""


def is_nobody(error: grpc.aio.AioRpcError) -> bool:
    """Whether a call never reached its peer, as far as gRPC tells."""
    return error.code() is grpc.StatusCode.UNAVAILABLE and (error.details() or "").lower().startswith(_NOBODY)


def is_mistrust(error: grpc.aio.AioRpcError) -> bool:
    """Whether that may be because one side refused the other's certificate."""
    return is_nobody(error) and any(sign in (error.details() or "").lower() for sign in _UNTRUSTED)


def reason(error: BaseException) -> str:
    """Why a stream has ended, in a line; of several errors the first."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if not isinstance(error, grpc.aio.AioRpcError):
        return f"{type(error).__name__}: {error}".removesuffix(": ")
    hint = f" ({MISTRUST})" if is_mistrust(error) else ""
    return f"{error.code().name}: {error.details()}{hint}"


def server(*interceptors: grpc.aio.ServerInterceptor) -> grpc.aio.Server:
    """A server with our settings; add servicers, `listen`, then start it."""
    return grpc.aio.server(interceptors=interceptors, options=_SERVER)


def listen(
    server: grpc.aio.Server,
    address: SocketAddress,
    security: Security = LOOPBACK_ONLY,
    on_handshake: Callable[[], None] = lambda: None,
) -> int:
    """The port as bound. `on_handshake` is called at the beginning of each, in another thread.

    Raises PlaintextRefused, UnusableCertificate, and RuntimeError when the address is taken.
    """
    security.check([address])
    if security.files is None:
        return server.add_insecure_port(str(address))
    return server.add_secure_port(str(address), server_credentials(security.files, on_handshake))


def channel(address: str | SocketAddress, security: Security = LOOPBACK_ONLY) -> grpc.aio.Channel:
    """A channel to a coordinator at `HOST:PORT`; the certificate is read now, so a new channel takes a renewed one.

    Raises PlaintextRefused, UnusableCertificate.
    """
    if isinstance(address, str):
        address = SocketAddress.parse(address)
    security.check([address])
    if security.files is None:
        return grpc.aio.insecure_channel(str(address), options=_CLIENT)
    material = security.files.load()
    # Only coordinators have this name in their certificates, so nobody else can stand for one.
    name = ("grpc.ssl_target_name_override", server_name(material.identity.domain))
    return grpc.aio.secure_channel(str(address), client_credentials(material), options=(*_CLIENT, name))
