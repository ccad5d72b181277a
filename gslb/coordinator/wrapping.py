"""Around every call, whatever its kind: unary or streaming in either direction, coroutine or generator."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeAlias, TypeVar

import grpc

Request = TypeVar("Request")
Response = TypeVar("Response")
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"  # Any: a context is the same whatever the messages are
Continuation: TypeAlias = (
    "Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Request, Response] | None]]"
)
Around = Callable[[Context], AbstractAsyncContextManager[None]]
_KINDS = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")


def wrapped(
    handler: grpc.RpcMethodHandler[Request, Response], around: Around
) -> grpc.RpcMethodHandler[Request, Response]:
    """The handler with `around(context)` about its behaviour. TypeError for one that is not asynchronous."""
    kind = next(kind for kind in _KINDS if getattr(handler, kind) is not None)
    make: Callable[..., grpc.RpcMethodHandler[Request, Response]] = getattr(grpc, f"{kind}_rpc_method_handler")
    return make(_around(getattr(handler, kind), around), handler.request_deserializer, handler.response_serializer)


def _around(behaviour: Callable[..., object], around: Around) -> Callable[..., object]:
    if inspect.isasyncgenfunction(behaviour):
        return _around_generator(behaviour, around)
    if inspect.iscoroutinefunction(behaviour):
        return _around_coroutine(behaviour, around)
    raise TypeError(f"{behaviour!r} is neither a coroutine function nor an asynchronous generator")


def _around_coroutine(behaviour: Callable[..., Awaitable[object]], around: Around) -> Callable[..., object]:
    async def guarded(request: object, context: Context) -> object:
        async with around(context):
            return await behaviour(request, context)

    return guarded


def _around_generator(behaviour: Callable[..., AsyncIterator[object]], around: Around) -> Callable[..., object]:
    async def guarded(request: object, context: Context) -> AsyncIterator[object]:
        async with around(context):
            async for message in behaviour(request, context):
                yield message

    return guarded
