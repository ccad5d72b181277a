"""One member of an etcd cluster: its channel, connected when needed, and single attempts at it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Generic, cast

import grpc

from gslb.etcdpb.v3 import etcd_pb2 as pb
from gslb.runtime.addresses import SocketAddress
from gslb.runtime.cancellation import CancelledElsewhere, alone
from gslb.store.etcd.faults import Failed, Fault, judge, no_connection
from gslb.store.etcd.methods import RANGE, Method, Request, Response
from gslb.store.etcd.options import Tls

CONNECT_S = 0.5
_WHY_S = 0.1
MAX_MESSAGE_BYTES = 32 * 1024 * 1024

Metadata = tuple[tuple[str, str], ...]

_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # etcd ends connections that ping more often than every 5 s, or at all without a call
    ("grpc.keepalive_time_ms", 6_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    # keepalive_timeout alone leaves a hung member unnoticed for over a minute
    ("grpc.http2.ping_timeout_ms", 3_000),
    ("grpc.keepalive_permit_without_calls", 0),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    # how long one attempt may last: TCP, TLS and HTTP/2 take three round trips, and members may be far away
    ("grpc.min_reconnect_backoff_ms", 1_500),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
)


class Endpoint:
    def __init__(self, address: SocketAddress, tls: Tls | None) -> None:
        self.address = address
        if tls is None:
            self._channel = grpc.aio.insecure_channel(str(address), options=_OPTIONS)
        else:
            credentials = grpc.ssl_channel_credentials(tls.ca, tls.key, tls.cert)
            self._channel = grpc.aio.secure_channel(str(address), credentials, options=_OPTIONS)

    async def call(
        self, method: Method[Request, Response], request: Request, metadata: Metadata, timeout_s: float
    ) -> Response:
        """Ask once. Raises Failed."""
        if method.streams:
            return await self._exchange(method, request, metadata, timeout_s)
        unary = self._channel.unary_unary(method.path, method.dump, method.load)
        try:
            return await alone(_answer(unary(request, timeout=timeout_s, metadata=metadata)))
        except grpc.aio.AioRpcError as error:
            raise judge(error) from error
        except CancelledElsewhere as error:
            raise Failed(Fault.UNKNOWN, "the connection was closed") from error

    async def _exchange(
        self, method: Method[Request, Response], request: Request, metadata: Metadata, timeout_s: float
    ) -> Response:
        """One request and one response of a method that streams."""
        try:
            async with asyncio.timeout(timeout_s), self.stream(method, metadata) as stream:
                await stream.write(request)
                return await stream.read()
        except TimeoutError as error:
            raise Failed(Fault.UNKNOWN, "no answer") from error

    @asynccontextmanager
    async def stream(
        self, method: Method[Request, Response], metadata: Metadata
    ) -> AsyncIterator[Stream[Request, Response]]:
        call = self._channel.stream_stream(method.path, method.dump, method.load)(metadata=metadata)
        try:
            yield Stream(call)
        finally:
            call.cancel()

    async def connect(self, timeout_s: float) -> None:
        """Return when there is a connection. Raises Failed: then nothing has been asked."""
        try:
            async with asyncio.timeout(min(timeout_s, CONNECT_S)):
                while (state := self._channel.get_state(try_to_connect=True)) is not grpc.ChannelConnectivity.READY:
                    if state is grpc.ChannelConnectivity.TRANSIENT_FAILURE:
                        raise await self._why()
                    if state is grpc.ChannelConnectivity.SHUTDOWN:
                        raise Failed(Fault.REFUSED, "closed")
                    await self._channel.wait_for_state_change(state)
        except TimeoutError as error:
            raise Failed(Fault.NOT_DONE, f"no connection in {CONNECT_S} s") from error

    async def _why(self) -> Failed:
        """What the last attempt to connect ended with: only a call tells, which fails at once and asks for nothing."""
        look = self._channel.unary_unary(RANGE.path, RANGE.dump, RANGE.load)
        try:
            await alone(_answer(look(pb.RangeRequest(key=b"\0"), timeout=_WHY_S)))
        except (grpc.aio.AioRpcError, CancelledElsewhere) as error:
            text = error.details() or "" if isinstance(error, grpc.aio.AioRpcError) else ""
            return no_connection(text.rpartition("last error: ")[2])
        return Failed(Fault.NOT_DONE, "no connection until now")

    async def close(self) -> None:
        await self._channel.close()


class Stream(Generic[Request, Response]):
    """A call that goes both ways. Its methods raise Failed."""

    def __init__(self, call: grpc.aio.StreamStreamCall[Request, Response]) -> None:
        self._call = call

    async def write(self, request: Request) -> None:
        try:
            await alone(self._call.write(request))
        except (grpc.aio.AioRpcError, CancelledElsewhere, asyncio.InvalidStateError) as error:
            raise await self._ended() from error

    async def read(self) -> Response:
        try:
            response = await alone(self._call.read())
        except (grpc.aio.AioRpcError, CancelledElsewhere, asyncio.InvalidStateError) as error:
            raise await self._ended() from error
        if response is grpc.aio.EOF:
            raise await self._ended()
        return cast("Response", response)  # the types cannot tell EOF from others

    def cancel(self) -> None:
        self._call.cancel()

    async def _ended(self) -> Failed:
        """Why the call is over; it is, so its status is there."""
        self._call.cancel()
        code, text = await self._call.code(), await self._call.details()
        return judge(grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), text))


async def _answer(call: grpc.aio.UnaryUnaryCall[Request, Response]) -> Response:
    return await call
