"""How an error leaves the coordinator: a gRPC status and a sentence that says what to do, counted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import MappingProxyType

import grpc

from gslb.coordinator.metrics import Metrics
from gslb.coordinator.wrapping import Context, Continuation, Request, Response, wrapped
from gslb.core.errors import GslbError
from gslb.runtime.clock import monotonic_s
from gslb.runtime.logs import get_logger
from gslb.runtime.sparing import Sparing

NO_CONFIGURATION = "no configuration has been applied yet: use `gslb apply FILE`"
_STATUS = MappingProxyType(
    {
        "conflict": grpc.StatusCode.ABORTED,
        "store-unavailable": grpc.StatusCode.UNAVAILABLE,
        "invalid-name": grpc.StatusCode.INVALID_ARGUMENT,
        "invalid-snapshot": grpc.StatusCode.INVALID_ARGUMENT,
    }
)


Trailing = tuple[tuple[str, str], ...]


class RpcRefused(GslbError):
    """A call that ends with `status` and this text; `trailing`: metadata for programs."""

    code = "rpc-refused"

    def __init__(self, status: grpc.StatusCode, text: str, trailing: Trailing = ()) -> None:
        super().__init__(text)
        self.status = status
        self.trailing = trailing


def invalid(text: str) -> RpcRefused:
    return RpcRefused(grpc.StatusCode.INVALID_ARGUMENT, text)


def not_found(text: str) -> RpcRefused:
    return RpcRefused(grpc.StatusCode.NOT_FOUND, text)


def not_configured() -> RpcRefused:
    return RpcRefused(grpc.StatusCode.FAILED_PRECONDITION, NO_CONFIGURATION)


def status_of(error: BaseException) -> tuple[grpc.StatusCode, str]:
    """What a caller is told; an error nobody foresaw keeps its details in the log."""
    if isinstance(error, RpcRefused):
        return error.status, str(error)
    if isinstance(error, GslbError):
        return _STATUS.get(error.code, grpc.StatusCode.FAILED_PRECONDITION), str(error)
    return grpc.StatusCode.INTERNAL, "the coordinator failed at this call: its log says why"


class Refusals(grpc.aio.ServerInterceptor):
    """Ends every call that raises, unary or streaming, with its status, and counts it."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._log = get_logger("coordinator")
        self._sparing = Sparing(monotonic_s)

    async def intercept_service(
        self, continuation: Continuation[Request, Response], handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[Request, Response] | None:
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        return None if handler is None else wrapped(handler, lambda context: self._ending(method, context))

    @asynccontextmanager
    async def _ending(self, method: str, context: Context) -> AsyncIterator[None]:
        try:
            yield
        except grpc.aio.AbortError:
            raise
        except Exception as error:  # noqa: BLE001 - a handler is a supervised task: it may end its own call only
            await context.abort(*self._refuse(error, method))

    def _refuse(self, error: Exception, method: str) -> tuple[grpc.StatusCode, str, Trailing]:
        cause: BaseException = error
        while isinstance(cause, BaseExceptionGroup):
            cause = cause.exceptions[0]
        status, text = status_of(cause)
        self._metrics.refused.labels(method.rpartition("/")[2], status.name).inc()
        if status is grpc.StatusCode.INTERNAL:
            self._log.error("call failed", method=method, exc_info=cause)
        elif self._sparing.may():
            self._log.info("call refused", method=method, status=status.name, reason=text)
        return status, text, cause.trailing if isinstance(cause, RpcRefused) else ()
