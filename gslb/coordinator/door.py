"""The door: every call, unary or streaming, is let in by the caller's certificate or refused, counted and audited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import grpc

from gslb.coordinator.audit.entry import Note
from gslb.coordinator.callers import Caller, Denial, address_of, caller_of, expired
from gslb.coordinator.metrics import Metrics
from gslb.coordinator.wrapping import Context, Continuation, Request, Response, wrapped
from gslb.core.errors import GslbError
from gslb.core.identity.access import AUDITED, Access
from gslb.runtime.clock import monotonic_s
from gslb.runtime.logs import get_logger
from gslb.runtime.sparing import Sparing


class Door(grpc.aio.ServerInterceptor):
    """`domain`: our trust domain, None = no TLS, everybody is let in. `access`: the rights as they are now.

    `on_refused`: called with every attempt to change something that fails, and why. `wall_clock`: Unix seconds.
    """

    def __init__(
        self,
        domain: str | None,
        access: Callable[[], Access],
        metrics: Metrics,
        on_refused: Callable[[Note, str], None],
        wall_clock: Callable[[], int],
    ) -> None:
        self._domain = domain
        self._access = access
        self._metrics = metrics
        self._on_refused = on_refused
        self._wall_clock = wall_clock
        self._log = get_logger("coordinator")
        self._sparing = Sparing(monotonic_s)

    async def intercept_service(
        self, continuation: Continuation[Request, Response], handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[Request, Response] | None:
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        method = handler_call_details.method

        return wrapped(handler, lambda context: self._guarding(method, context))

    @asynccontextmanager
    async def _guarding(self, method: str, context: Context) -> AsyncIterator[None]:
        caller = Caller(identity=None, peer=address_of(context), unknown=True)
        try:
            caller = self.caller(context)
            self._admit(method, caller)
            async with self._until_it_ends(caller):
                yield
        except GslbError as error:
            if isinstance(error, Denial):
                self._note(method, caller, error)
            if method in AUDITED:
                self._on_refused(caller.note(_short(method)), str(error))
            raise

    def caller(self, context: Context) -> Caller:
        """Who calls, for what a handler itself has to decide."""
        return caller_of(context, self._domain)

    def access(self) -> Access:
        return self._access()

    def _admit(self, method: str, caller: Caller) -> None:
        denied = None if caller.identity is None else self._access().refusal(method, caller.identity)
        if denied is not None:
            raise Denial(denied.reason, denied.text)

    @asynccontextmanager
    async def _until_it_ends(self, caller: Caller) -> AsyncIterator[None]:
        """No call goes on by a certificate that has ended; a stream would otherwise last as long as its thief likes."""
        left_s = None if caller.ends_unix_s is None else caller.ends_unix_s - self._wall_clock()
        if left_s is not None and left_s <= 0:
            raise expired(caller)
        limit = asyncio.timeout(left_s)
        try:
            async with limit:
                yield
        except TimeoutError:
            if limit.expired():
                raise expired(caller) from None
            raise

    def _note(self, method: str, caller: Caller, denial: Denial) -> None:
        self._metrics.denied.labels(_short(method), denial.reason).inc()
        if self._sparing.may():
            self._log.warning("call denied", method=method, caller=caller.name, peer=caller.peer, reason=str(denial))


def _short(method: str) -> str:
    return method.rpartition("/")[2]
