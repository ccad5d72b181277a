"""Calls to an etcd cluster: several members, one of them in use, and a bound on how long any call takes.

A member that cannot be reached, has no leader or does not answer is left for the next one. What can be repeated is,
within the call's time; a write is sent again only if it is certain that nothing came of it. Otherwise the caller hears
OutcomeUnknown, and only a look at the store tells.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from gslb.core.errors import StoreUnavailable
from gslb.runtime.clock import monotonic_s
from gslb.store.base import Compacted, OutcomeUnknown
from gslb.store.etcd.endpoint import Endpoint, Metadata, Stream
from gslb.store.etcd.faults import Failed, Fault
from gslb.store.etcd.login import Session
from gslb.store.etcd.methods import Method, Request, Response
from gslb.store.etcd.options import EtcdOptions

CALL_S = 1.7
"""For all attempts; the last one may take `_LEAST_S` longer."""
_TRY_S = 0.8
_PAUSE_S = 0.1
_LEAST_S = 0.3
"""With less left, another attempt would only blur what is known."""
_HAS_LEADER: Metadata = (("hasleader", "true"),)
"""Asks a member that is cut off from the others to say so, instead of answering from what it has."""


class Client:
    def __init__(self, options: EtcdOptions, clock: Callable[[], float] = monotonic_s) -> None:
        self.closed = asyncio.Event()
        self._clock = clock
        self._endpoints = [Endpoint(address, options.tls) for address in options.endpoints]
        self._at = 0
        self._session = Session(options.login)

    async def call(self, method: Method[Request, Response], request: Request, *, stale: bool = False) -> Response:
        """Ask until a member answers. `stale`: a member without a leader may answer too.

        Raises StoreUnavailable when nothing was done, OutcomeUnknown, and Compacted.
        """
        deadline = self._clock() + CALL_S
        failures: dict[Endpoint, Failed] = {}
        attempts = 0
        while (left_s := deadline - self._clock()) > _LEAST_S:
            self._check_open()
            endpoint = self._endpoints[self._at]
            try:
                await endpoint.connect(left_s)
                metadata = await self._session.metadata(endpoint, min(left_s, _TRY_S))
                left_s = max(_LEAST_S, deadline - self._clock())
                try_s = min(left_s, _TRY_S) if method.repeatable else left_s
                return await endpoint.call(method, request, metadata if stale else _HAS_LEADER + metadata, try_s)
            except Failed as failed:
                failures[endpoint] = failed
                self._next(endpoint, failed)
                if failed.fault is Fault.UNKNOWN and not method.repeatable:
                    raise _unknown(endpoint, failed) from failed
            attempts += 1
            if attempts % len(self._endpoints) == 0:
                await asyncio.sleep(_PAUSE_S)
        said = "; ".join(f"etcd at {endpoint.address}: {failed}" for endpoint, failed in failures.items())
        raise StoreUnavailable(said)

    @asynccontextmanager
    async def stream(self, method: Method[Request, Response]) -> AsyncIterator[Stream[Request, Response]]:
        """A stream at the member in use, or the next one when the last stream failed. Raises Failed while it runs."""
        self._check_open()
        endpoint = self._endpoints[self._at]
        try:
            await endpoint.connect(CALL_S)
            metadata = _HAS_LEADER + await self._session.metadata(endpoint, _TRY_S)
            async with endpoint.stream(method, metadata) as stream:
                yield stream
        except Failed as failed:
            self._next(endpoint, failed)
            raise

    async def pause(self, delay_s: float) -> None:
        """Shorter when the client is closed meanwhile."""
        with suppress(TimeoutError):
            async with asyncio.timeout(delay_s):
                await self.closed.wait()

    async def close(self) -> None:
        self.closed.set()
        for endpoint in self._endpoints:
            await endpoint.close()

    def logged_out(self) -> None:
        """The token no longer opens what it should: ask for another one."""
        self._session.forget()

    def _next(self, endpoint: Endpoint, failed: Failed) -> None:
        """Choose who is asked after a failure, unless somebody else has already chosen. Raises what is final."""
        match failed.fault:
            case Fault.LOGGED_OUT:
                self._session.forget()
            case Fault.COMPACTED:
                raise Compacted("what was asked for is no longer kept: list again") from failed
            case Fault.REFUSED:
                self._check_open()
                raise StoreUnavailable(f"etcd at {endpoint.address}: {failed}") from failed
            case Fault.NOT_DONE | Fault.UNKNOWN:
                if self._endpoints[self._at] is endpoint:
                    self._at = (self._at + 1) % len(self._endpoints)

    def _check_open(self) -> None:
        if self.closed.is_set():
            raise StoreUnavailable("the store is closed")


def _unknown(endpoint: Endpoint, failed: Failed) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"etcd at {endpoint.address}: {failed}; whether it was written is not known: look before you repeat it"
    )
