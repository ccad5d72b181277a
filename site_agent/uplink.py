"""The stream to one coordinator: assignments come down, registers and evidence go up; reconnects with back-off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import grpc

from gslb import __version__
from gslb.api.v1 import health_pb2 as pb
from gslb.api.v1.health_pb2_grpc import HealthStub
from gslb.codec.facts import dump_report
from gslb.core.errors import GslbError
from gslb.core.facts import AgentId
from gslb.runtime import rpc
from gslb.runtime.backoff import Backoff
from gslb.runtime.cancellation import CancelledElsewhere, alone
from gslb.runtime.clock import monotonic_ms, monotonic_s
from gslb.runtime.logs import get_logger
from gslb.runtime.tls import LOOPBACK_ONLY, PlaintextRefused, Security, UnusableCertificate
from site_agent import report
from site_agent.boot import Boot
from site_agent.metrics import AgentMetrics
from site_agent.prober import Prober
from site_agent.publisher import Feed, Publisher

WRITE_TIMEOUT_S = 5.0
WHOLE_EVIDENCE_S = 5.0
BOOT_DIGITS = 20
MOST_BACKOFF_S = 5.0
"""Short of the usual 30 s: reports are what failover waits for, and a coordinator bears a few hundred greetings."""

Stream = grpc.aio.StreamStreamCall[pb.ExchangeRequest, pb.ExchangeResponse]


class Disconnected(GslbError):
    """A stream to a coordinator ended or could not be opened; the uplink tries again."""

    code = "disconnected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What all uplinks of an agent share. `assign` is called with every assignment, `on_report` after every report.

    `tell` is called with a coordinator and where it says that all are, `lose` when its stream has ended.
    """

    agent: AgentId
    boot: Boot
    prober: Prober
    publisher: Publisher
    metrics: AgentMetrics
    assign: Callable[[pb.Assignment], None]
    on_report: Callable[[], None]
    tell: Callable[[str, Iterable[str]], None]
    lose: Callable[[str], None]


class Uplink:
    """One coordinator, for as long as it is one."""

    def __init__(self, coordinator: str, shared: Shared, security: Security = LOOPBACK_ONLY) -> None:
        self._coordinator = coordinator
        self._security = security
        self._shared = shared
        self._backoff = Backoff(most_s=MOST_BACKOFF_S)
        self._is_told = False
        self._log = get_logger("agent").bind(agent=shared.agent, coordinator=coordinator)

    async def run(self) -> None:
        """Stay connected until cancelled. Only the first of a row of failures is logged."""
        while True:
            try:
                await alone(self._connect())
            except (Disconnected, CancelledElsewhere) as error:
                self._shared.metrics.disconnects.inc()
                if not self._is_told:
                    self._log.warning("coordinator away", reason=str(error))
                self._is_told = True
            await asyncio.sleep(self._backoff.delay_s())

    async def _connect(self) -> None:
        """One stream from greeting to end. Always ends in Disconnected."""
        async with self._channel() as channel:
            try:
                async with asyncio.timeout(rpc.CONNECT_TIMEOUT_S):
                    await channel.channel_ready()
            except TimeoutError:
                raise Disconnected(f"cannot connect: {rpc.MISTRUST}") from None
            stream = HealthStub(channel).Exchange()
            try:
                await self._exchange(stream)
            except Disconnected:
                await self._look_at_boot(stream)
                raise
            finally:
                stream.cancel()

    async def _look_at_boot(self, stream: Stream) -> None:
        """Whether the coordinator has ended it because our boot number is too low."""
        if not stream.done():
            return
        trailing = dict(await stream.trailing_metadata() or ())
        known = str(trailing.get(rpc.KNOWN_BOOT, ""))
        if known.isdecimal() and len(known) <= BOOT_DIGITS:
            try:
                await self._shared.boot.begin_above(int(known))
            except OSError as error:
                self._log.error("boot number not saved", error=str(error))

    def _channel(self) -> grpc.aio.Channel:
        """With our certificate as it is now."""
        try:
            return rpc.channel(self._coordinator, self._security)
        except UnusableCertificate as error:
            raise Disconnected(f"our certificate cannot be used: {error}") from None
        except PlaintextRefused as error:  # of one that others told of
            raise Disconnected(str(error)) from None

    async def _exchange(self, stream: Stream) -> None:
        shared = self._shared
        hello = pb.AgentHello(agent=shared.agent, boot=shared.boot.number, version=__version__)
        await _write(stream, pb.ExchangeRequest(hello=hello))
        feed = shared.publisher.open_feed()
        shared.metrics.connected.inc()
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._receive(stream))
                both.create_task(self._send(stream, feed))
        except* Disconnected as group:
            raise Disconnected(str(group.exceptions[0])) from None
        finally:
            shared.metrics.connected.dec()
            shared.lose(self._coordinator)
            shared.publisher.close_feed(feed)

    async def _receive(self, stream: Stream) -> None:
        """Assignments and who else coordinates, until the stream ends.

        A silent peer is found out by keepalive, not by a time-out here.
        """
        while True:
            message = await _read(stream)
            if message.HasField("assignment"):
                self._backoff.reset()
                self._is_told = False
                self._shared.boot.accept()
                self._shared.assign(message.assignment)
            elif message.HasField("coordinators"):
                self._shared.tell(self._coordinator, message.coordinators.addresses)

    async def _send(self, stream: Stream, feed: Feed) -> None:
        """The newest register whenever there is one, then the evidence behind what has changed."""
        whole_due_s, layout = monotonic_s(), b""
        while True:
            await feed.news.wait()
            feed.news.clear()
            if feed.report is None:
                continue
            await _write(stream, pb.ExchangeRequest(report=dump_report(feed.report)))
            self._shared.metrics.reports.inc()
            self._shared.on_report()
            is_whole = monotonic_s() >= whole_due_s or feed.report.layout != layout
            if is_whole:
                whole_due_s, layout = monotonic_s() + WHOLE_EVIDENCE_S, feed.report.layout
            await self._send_evidence(stream, feed, is_whole=is_whole)

    async def _send_evidence(self, stream: Stream, feed: Feed, *, is_whole: bool) -> None:
        prober = self._shared.prober
        seen = prober.seen(None if is_whole else feed.changed)
        feed.changed.clear()
        for message in report.evidence(prober.layout or b"", seen, monotonic_ms()):
            await _write(stream, pb.ExchangeRequest(evidence=message))


async def _write(stream: Stream, message: pb.ExchangeRequest) -> None:
    try:
        async with asyncio.timeout(WRITE_TIMEOUT_S):
            await stream.write(message)
    except (grpc.RpcError, asyncio.InvalidStateError, TimeoutError) as error:
        raise _disconnected(error) from None
    except asyncio.CancelledError:
        _raise_unless_ours()
        raise


async def _read(stream: Stream) -> pb.ExchangeResponse:
    try:
        message = await stream.read()
    except grpc.RpcError as error:
        raise _disconnected(error) from None
    except asyncio.CancelledError:
        _raise_unless_ours()
        raise
    if isinstance(message, pb.ExchangeResponse):
        return message
    raise Disconnected("the coordinator ended the stream")


def _raise_unless_ours() -> None:
    """grpc reports a stream that the peer cancelled like a cancelled task; only the latter may look like one."""
    task = asyncio.current_task()
    if task is not None and not task.cancelling():
        raise Disconnected("the coordinator cancelled the stream")


def _disconnected(error: Exception) -> Disconnected:
    match error:
        case grpc.aio.AioRpcError():
            return Disconnected(f"{error.code().name.lower()}: {error.details()}")
        case TimeoutError():
            return Disconnected(f"nothing sent for {WRITE_TIMEOUT_S:.0f} s")
        case _:
            return Disconnected("the stream has ended")
