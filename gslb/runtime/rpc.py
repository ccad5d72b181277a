"""gRPC settings that every client and server of ours shares: sizes, keepalive, dead peers noticed in seconds."""

from __future__ import annotations

import grpc

MAX_MESSAGE_BYTES = 2 * 1024 * 1024
CONNECT_TIMEOUT_S = 5.0
FIRST_MESSAGE_TIMEOUT_S = 10.0

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
_CLIENT: tuple[tuple[str, int], ...] = (
    *_COMMON,
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
)
_SERVER: tuple[tuple[str, int], ...] = (
    *_COMMON,
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.so_reuseport", 0),
)


def server(*interceptors: grpc.aio.ServerInterceptor) -> grpc.aio.Server:
    """A server with our settings; add servicers and a port, then start it."""
    return grpc.aio.server(interceptors=interceptors, options=_SERVER)


def channel(address: str) -> grpc.aio.Channel:
    """A plain-text channel to `HOST:PORT` with our settings."""
    return grpc.aio.insecure_channel(address, options=_CLIENT)
