"""The agent's process: options in, everything wired together, ended by cancelling."""

from __future__ import annotations

import asyncio
import random
import resource
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from prometheus_client import CollectorRegistry

from gslb.api.v1 import health_pb2 as pb
from gslb.core.coordinators import Known
from gslb.core.errors import GslbError, InvalidSnapshot
from gslb.core.facts import AgentId
from gslb.core.identity.names import Kind
from gslb.core.model import IPNetwork
from gslb.core.order import Order
from gslb.runtime import http
from gslb.runtime.addresses import SocketAddress
from gslb.runtime.clock import wall_unix_ms, wall_unix_s
from gslb.runtime.companions import Companions
from gslb.runtime.expiry import Expiry
from gslb.runtime.logs import get_logger
from gslb.runtime.tls import LOOPBACK_ONLY, Security
from site_agent.acquaintances import acquaintances, recalled
from site_agent.assignment import load_assignment
from site_agent.boot import Boot, next_boot
from site_agent.metrics import AgentMetrics
from site_agent.prober import Prober
from site_agent.publisher import Publisher
from site_agent.resolve import Resolver
from site_agent.selfcheck import LoopLag
from site_agent.sightings import sightings
from site_agent.target import Means
from site_agent.turnstile import Turnstile
from site_agent.uplink import Shared, Uplink


class InvalidOptions(GslbError):
    """The agent cannot start with these options."""

    code = "invalid-options"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`name` tells the agents of one site apart. `coordinators`: some; they tell of the others.

    `data`: folder for the boot counter and what else a start should know; None = the wall clock stands in, no more is
    known. `metrics`: where /metrics, /livez and /readyz are served, None = nowhere. `probe_allow`: besides the site's
    own. `probe_only`: nothing else is probed, whoever asks; () = no bound.
    """

    site: str
    name: str
    coordinators: tuple[SocketAddress, ...]
    data: Path | None = None
    metrics: SocketAddress | None = None
    probe_allow: tuple[IPNetwork, ...] = ()
    probe_only: tuple[IPNetwork, ...] = ()
    security: Security = LOOPBACK_ONLY


async def run(
    options: Options, *, on_ready: Callable[[], None] | None = None, registry: CollectorRegistry | None = None
) -> None:
    """Probe and report until cancelled. `on_ready` is called once, after the first register has been sent.

    Raises InvalidOptions, what `Security` raises, and OSError when the data folder cannot be written or the metrics
    address is taken.
    """
    for text in (options.site, options.name):
        if not text or "/" in text:
            raise InvalidOptions(f"'{text}' cannot be the name of a site or agent: it is empty or has a '/'")
    options.security.check(options.coordinators)
    options.security.check_name(Kind.AGENT, f"{options.site}/{options.name}")
    _raise_file_limit()
    registry = registry if registry is not None else CollectorRegistry()
    agent = Agent(options, AgentMetrics(registry), on_ready)
    async with AsyncExitStack() as stack:
        if options.metrics is not None:
            await stack.enter_async_context(
                http.serve(options.metrics.host, options.metrics.port, registry, agent.missing)
            )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(Expiry(options.security, registry, wall_unix_s).run(), name="expiry")
            await agent.run()


class Agent:
    """Holds the parts together; owns which assignment is in force."""

    def __init__(self, options: Options, metrics: AgentMetrics, on_ready: Callable[[], None] | None) -> None:
        self._options = options
        self._metrics = metrics
        self._on_ready = on_ready
        self._agent = AgentId(f"{options.site}/{options.name}")
        self._log = get_logger("agent").bind(agent=self._agent)
        self._order: Order | None = None
        self._has_reported = False

    def missing(self) -> str | None:
        """What the agent still lacks to be of use, None = nothing."""
        if self._order is None:
            return "no assignment from any coordinator yet"
        return None if self._has_reported else "waiting for the first result of every target"

    async def run(self) -> None:
        """Until cancelled."""
        boot = Boot(next_boot(self._file("boot"), wall_unix_ms()), self._file("boot"))
        known_before, seen_before = acquaintances(self._file("coordinators")), sightings(self._file("seen"))
        lag = LoopLag()
        publisher = Publisher(self._agent, boot, lag, self._metrics)
        self._log.info("agent starts", boot=boot.number)
        async with asyncio.TaskGroup() as tasks:
            means = Means(
                resolver=Resolver(),
                turnstile=Turnstile(),
                metrics=self._metrics,
                chance=random.random,
                sightings=seen_before,
                only=self._options.probe_only,
            )
            prober = Prober(means, tasks, publisher.note)
            shared = Shared(
                agent=self._agent,
                boot=boot,
                prober=prober,
                publisher=publisher,
                metrics=self._metrics,
                assign=lambda message: self._assign(message, prober, publisher),
                on_report=self._reported,
                tell=lambda by, addresses: uplinks.tell(by, addresses),
                lose=lambda by: uplinks.lose(by),
            )
            known, security = Known(map(str, self._options.coordinators)), self._options.security
            known.remember(recalled(known_before))
            uplinks = Companions(
                "uplink",
                known,
                lambda address: Uplink(address, shared, security).run(),
                lambda: known_before.note(known.learnt),
            )
            tasks.create_task(lag.run(), name="loop lag")
            tasks.create_task(publisher.run(prober), name="publisher")
            tasks.create_task(uplinks.run(), name="uplinks")
            tasks.create_task(known_before.run(), name="acquaintances")
            tasks.create_task(seen_before.run(), name="sightings")

    def _file(self, kind: str) -> Path | None:
        """Where this agent keeps something for its next start."""
        data = self._options.data
        return data / "agent" / f"{self._options.site}.{self._options.name}.{kind}" if data is not None else None

    def _assign(self, message: pb.Assignment, prober: Prober, publisher: Publisher) -> None:
        """Whichever coordinator sends it: the highest order wins, a bad one changes nothing."""
        try:
            assignment = load_assignment(message, self._options.site)
            if self._order is not None and assignment.order <= self._order:
                self._metrics.assignments.labels("old").inc()
                return
            prober.assign(replace(assignment, probe_allow=(*assignment.probe_allow, *self._options.probe_allow)))
        except InvalidSnapshot as error:
            self._metrics.assignments.labels("refused").inc()
            self._log.error("assignment refused", reason=str(error))
            return
        self._order = assignment.order
        self._metrics.assignments.labels("applied").inc()
        self._log.info("assignment applied", order=str(assignment.order), targets=len(assignment.layout.targets))
        publisher.note_assignment()

    def _reported(self) -> None:
        if not self._has_reported:
            self._has_reported = True
            if self._on_ready is not None:
                self._on_ready()


def _raise_file_limit() -> None:
    """Each target may hold two connections: take all file descriptors the system lets this process have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
