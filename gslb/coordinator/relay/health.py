"""The Health service: agents say hello, learn what to probe and report; the hub passes that on to dns servers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias

import grpc

from gslb.api.v1 import health_pb2 as pb
from gslb.api.v1.facts_pb2 import Coordinators
from gslb.codec.facts import dump_order, load_report
from gslb.config.problems import did_you_mean
from gslb.coordinator.callers import Caller
from gslb.coordinator.metrics import Metrics
from gslb.coordinator.refusals import RpcRefused, invalid, not_found
from gslb.coordinator.relay.agents import MAX_AGENTS_PER_SITE
from gslb.coordinator.relay.evidence import BadEvidence, load_sheet
from gslb.coordinator.relay.hub import Hub
from gslb.coordinator.relay.pace import Pace
from gslb.coordinator.relay.streams import both_ways, first, messages, write
from gslb.coordinator.wrapping import Context
from gslb.core.facts import AgentId
from gslb.core.identity.names import Kind
from gslb.runtime.rpc import KNOWN_BOOT

MAX_NAME_CHARACTERS = 128
Stream: TypeAlias = "grpc.aio.ServicerContext[pb.ExchangeRequest, pb.ExchangeResponse]"


class HealthService:
    """`clock` is monotonic. `caller`: who is at the other end; he can speak for nobody else."""

    def __init__(
        self, hub: Hub, metrics: Metrics, clock: Callable[[], float], caller: Callable[[Context], Caller]
    ) -> None:
        self._caller = caller
        self._hub = hub
        self._metrics = metrics
        self._clock = clock

    async def Exchange(self, _: object, stream: Stream) -> None:
        hello = (await first(stream, "hello")).hello
        agent = _name(hello)
        self._caller(stream).check_is(Kind.AGENT, agent)
        await self._first_assignment(agent)
        self._check_boot(agent, hello.boot)
        if not self._hub.hello(agent, hello.version[:MAX_NAME_CHARACTERS]):
            raise RpcRefused(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"{agent}: its site has {MAX_AGENTS_PER_SITE} agents: stop some first",
            )
        with self._metrics.streams.labels("Health").track_inprogress():
            await both_ways(self._take_reports(agent, stream), self._assign(agent, stream))

    def _check_boot(self, agent: AgentId, boot: int) -> None:
        """Refuse who would speak and never be listened to, as his reports lose in the merge: he can begin higher.

        So he is no sign of life either of the one whose reports count.
        """
        known = self._hub.facts.reports.get(agent)
        if known is not None and boot < known.boot:
            raise RpcRefused(
                grpc.StatusCode.OUT_OF_RANGE,
                f"{agent}: its boot number {boot} is below {known.boot}, which has reported: its counter was lost and"
                " its clock is behind, or another agent of this name runs",
                ((KNOWN_BOOT, str(known.boot)),),
            )

    async def _first_assignment(self, agent: AgentId) -> None:
        """Returns once the agent's site is known to exist; before any configuration it waits for one."""
        while (changed := self._hub.next_change) and self._assignment(agent) is None:
            await changed.wait()

    def _assignment(self, agent: AgentId) -> pb.Assignment | None:
        """What it has to probe; None before any configuration. NOT_FOUND for a site that does not exist."""
        publication = self._hub.publication
        if publication is None:
            return None
        site = agent.partition("/")[0]
        if site not in publication.assignments:
            raise not_found(f"no site '{site}' in the configuration{did_you_mean(site, publication.assignments)}")
        return publication.assignments[site]

    async def _take_reports(self, agent: AgentId, stream: Stream) -> None:
        pace = Pace(self._clock)
        async for message in messages(stream):
            match message.WhichOneof("message"):
                case "report":
                    report = load_report(message.report)
                    if report.agent != agent:
                        raise invalid(
                            f"a report of '{report.agent}' on the stream of '{agent}': each agent needs its own"
                        )
                    self._check_boot(agent, report.boot)
                    if not self._hub.report(report):
                        raise RpcRefused(grpc.StatusCode.ABORTED, f"'{agent}' was forgotten meanwhile: connect again")
                    if (wait_s := pace.step()) > 0:
                        self._metrics.held_up.labels(report.site).inc()
                        await asyncio.sleep(wait_s)
                case "evidence":
                    self._witness(agent, message.evidence)
                case _:
                    raise invalid(f"'{agent}' sent neither a report nor evidence; `hello` comes once, at first")

    def _witness(self, agent: AgentId, message: pb.Evidence) -> None:
        assignment = self._assignment(agent)
        if assignment is None or assignment.layout != message.layout:
            return  # about targets of an earlier configuration: of no use to anyone
        try:
            sheet = load_sheet(message, self._clock())
        except BadEvidence as error:
            raise invalid(f"'{agent}': {error}") from None
        misfits = self._hub.agents.witness(agent, message.layout, len(assignment.targets), sheet)
        self._metrics.evidence_dropped.inc(misfits)

    async def _assign(self, agent: AgentId, stream: Stream) -> None:
        """Send the assignment and where coordinators are now, and again whenever they have become others."""
        sent: pb.Assignment | None = None
        told = Coordinators()
        while True:
            changed, assignment = self._hub.next_change, self._assignment(agent)
            if assignment is not None and assignment != sent:
                sent = assignment
                numbered = pb.Assignment(order=dump_order(self._hub.order))
                numbered.MergeFrom(assignment)
                await write(stream, pb.ExchangeResponse(assignment=numbered))
            if told != self._hub.coordinators:
                told = self._hub.coordinators
                await write(stream, pb.ExchangeResponse(coordinators=told))
            await changed.wait()


def _name(hello: pb.AgentHello) -> AgentId:
    site, _, name = hello.agent.partition("/")
    if not (site and name) or len(hello.agent) > MAX_NAME_CHARACTERS:
        raise invalid(
            f"the first message must be a `hello` with the agent's name as SITE/NAME, of at most {MAX_NAME_CHARACTERS}"
            " characters"
        )
    return AgentId(hello.agent)
