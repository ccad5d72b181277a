"""What long-lived streams have in common: a first message in time, two directions, bounded waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import TypeVar

import grpc

from gslb.coordinator.refusals import RpcRefused, invalid
from gslb.runtime.rpc import FIRST_MESSAGE_TIMEOUT_S

WRITE_TIMEOUT_S = 15.0
"""A peer that takes nothing for so long is let go; it comes back when it can."""

LAST_WRITE_S = 0.2

Request = TypeVar("Request")
Response = TypeVar("Response")


async def first(context: grpc.aio.ServicerContext[Request, Response], wanted: str) -> Request:
    """The stream's first message. DEADLINE_EXCEEDED and INVALID_ARGUMENT name what was `wanted`."""
    message = await next_in_time(context, FIRST_MESSAGE_TIMEOUT_S, f"`{wanted}`")
    if message is None:
        raise invalid(f"the stream ended without a `{wanted}`: send it first")
    return message


async def next_in_time(
    context: grpc.aio.ServicerContext[Request, Response], timeout_s: float, wanted: str
) -> Request | None:
    """The next message, or None when the peer has finished sending. DEADLINE_EXCEEDED after `timeout_s`."""
    try:
        async with asyncio.timeout(timeout_s):
            message = await context.read()
    except TimeoutError:
        raise RpcRefused(
            grpc.StatusCode.DEADLINE_EXCEEDED, f"no {wanted} came within {timeout_s:g} s: send it sooner"
        ) from None
    return None if message is grpc.aio.EOF else message


async def messages(context: grpc.aio.ServicerContext[Request, Response]) -> AsyncIterator[Request]:
    """What the peer sends, until it has finished sending. Silence is for keepalive and missed beats to notice."""
    while (message := await context.read()) is not grpc.aio.EOF:
        yield message


async def write(context: grpc.aio.ServicerContext[Request, Response], message: Response) -> None:
    """Hand over one message. DEADLINE_EXCEEDED when the peer takes nothing any more.

    gRPC cannot end a call while a message is on its way, so even a cancelled writer lets that one go first.
    """
    sending = asyncio.ensure_future(context.write(message))
    sending.add_done_callback(_forget)
    try:
        async with asyncio.timeout(WRITE_TIMEOUT_S):
            await asyncio.shield(sending)
    except TimeoutError:
        raise RpcRefused(
            grpc.StatusCode.DEADLINE_EXCEEDED, f"nothing was taken from this stream for {WRITE_TIMEOUT_S:g} s: read on"
        ) from None
    finally:
        await asyncio.wait([sending], timeout=LAST_WRITE_S)


def _forget(sending: asyncio.Future[None]) -> None:
    """What became of a message whose writer may be gone by then is of no interest."""
    if not sending.cancelled():
        sending.exception()


async def both_ways(reading: Coroutine[object, object, None], writing: Coroutine[object, object, None]) -> None:
    """Run both until the peer has finished sending, or either fails."""
    async with asyncio.TaskGroup() as tasks:
        writer = tasks.create_task(writing)
        await reading
        writer.cancel()
