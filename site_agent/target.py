"""One target: its health machine, its watched connection, and the task that probes it when it is due."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from gslb.core import health as machine
from gslb.core.facts import Cause, State, Verdict
from gslb.core.health import Health
from gslb.core.layouts import Target
from gslb.core.model import IPNetwork
from gslb.core.monitors import Monitor
from gslb.runtime.clock import monotonic_ms
from site_agent import probe as kinds
from site_agent import schedule
from site_agent.alarm import Alarm
from site_agent.attempt import Abandoned, Denied, Ended, Question, attempt
from site_agent.metrics import AgentMetrics
from site_agent.probe.base import Probe
from site_agent.probe.connection import Connection
from site_agent.resolve import Resolver
from site_agent.sightings import Sightings
from site_agent.turnstile import Turnstile

AFTER_ABANDONED_MS = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What all targets of an agent share. `chance` yields dice in [0, 1). `sightings`: what was seen up, ever.

    `only`: nothing else is probed, whatever coordinators say; () = no bound.
    """

    resolver: Resolver
    turnstile: Turnstile
    metrics: AgentMetrics
    chance: Callable[[], float]
    sightings: Sightings
    only: tuple[IPNetwork, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """How to probe: the monitor, a probe made of it, and what the policy lets pass."""

    monitor: Monitor
    probe: Probe
    allow: tuple[IPNetwork, ...]


class TargetProber:
    """`on_change` is called whenever the target's state (verdict or cause) has changed, and at its first result."""

    def __init__(
        self,
        target: Target,
        orders: Orders,
        means: Means,
        on_change: Callable[[Target], None],
        *,
        phase: float,
        due_ms: int,
    ) -> None:
        self.target = target
        self.orders = orders
        self.health = machine.begin(monotonic_ms())
        self.latency_us = 0
        self.probed_ms = monotonic_ms()
        self.has_result = False
        self._means = means
        self._on_change = on_change
        self._phase = phase
        self._due_ms = due_ms
        self._alarm = Alarm()
        self._watched: Connection | None = None

    @property
    def monitor(self) -> Monitor:
        return self.orders.monitor

    @property
    def has_view(self) -> bool:
        """Whether a failure would mean anything: who looks from another site can lose only what it has seen up."""
        return not self.target.home or self._means.sightings.has(self.target)

    @property
    def state(self) -> State:
        """What the report says."""
        if not self.has_view and self.health.verdict is Verdict.DOWN:
            return State(Verdict.UNKNOWN, self.health.cause)
        return self.health.state

    async def run(self) -> None:
        """Probe when due, until cancelled."""
        try:
            while True:
                await self._alarm.sleep_until(self._due_ms)
                async with self._means.turnstile:
                    await self._probe()
        finally:
            self._keep(None)

    def follow(self, orders: Orders) -> None:
        """New orders. Other settings keep the verdict, and are tried at the target's next turn."""
        if orders.monitor != self.orders.monitor:
            self.orders = orders
            self._keep(None)
            self.health = machine.change(self.health)
            self._due_ms = min(self._due_ms, self._next_turn_ms())
            self._alarm.ring(self._due_ms)
        self.orders = orders

    async def _probe(self) -> None:
        orders, begun_ms = self.orders, monotonic_ms()
        self._means.metrics.schedule_lag_s.observe(max(0, begun_ms - self._due_ms) / 1000)
        question = Question(
            probe=orders.probe,
            host=self.target.address,
            timeout_ms=orders.monitor.timeout_ms,
            allow=orders.allow,
            only=self._means.only,
            kept=self._watched,
            in_doubt=self.health.is_in_doubt,
        )
        outcome = await attempt(question, self._means.resolver)
        self._due_ms = self._next_turn_ms()
        if orders.monitor == self.monitor:
            self._take(outcome)
        elif isinstance(outcome, Ended) and outcome.connection is not None:
            outcome.connection.close()  # an answer to a question that is no longer asked

    def _take(self, outcome: Ended | Denied | Abandoned) -> None:
        match outcome:
            case Ended():
                self._take_result(outcome)
            case Denied():
                self._means.metrics.denied.inc()
                self._keep(None)
                self._become(machine.deny(self.health, outcome.detail, monotonic_ms()))
            case Abandoned():
                self._means.metrics.abandoned.labels(outcome.reason).inc()
                self._due_ms = monotonic_ms() + AFTER_ABANDONED_MS
                self._become(self.health)
            case _:
                assert_never(outcome)

    def _take_result(self, ended: Ended) -> None:
        result, kind, metrics = ended.result, kinds.kind(self.monitor), self._means.metrics
        metrics.probes.labels(kind, result.cause.name.lower()).inc()
        metrics.duration_s.labels(kind).observe(ended.took_s)
        self.probed_ms = result.ended_ms
        if result.cause is Cause.OK:
            self.latency_us = round(ended.took_s * 1e6)
        was_confirming = self.health.is_confirming
        self._become(machine.observe(self.health, self.monitor, result))
        if was_confirming and not self.health.is_confirming:
            metrics.lost.labels("crash" if self.health.verdict is Verdict.DOWN else "harmless").inc()
        if result.cause is Cause.OK:
            self._keep(ended.connection)  # after the result has counted: it may be lost already
        if self.health.soon_ms is not None:
            self._due_ms = self.health.soon_ms

    def _become(self, health: Health) -> None:
        before, self.health = self.state, health
        if health.verdict is Verdict.UP:
            self._means.sightings.note(self.target)
        is_first, self.has_result = not self.has_result, True
        if is_first or self.state != before:
            self._on_change(self.target)

    def _keep(self, connection: Connection | None) -> None:
        """Watch this connection instead of the one before."""
        before, self._watched = self._watched, connection
        if before is not None and before is not connection:
            before.close()
        if connection is not None:
            connection.watch(self._lost)

    def _lost(self) -> None:
        """The watched connection has ended: what that means is the machine's business."""
        self._watched = None
        health = machine.lose(self.health, self.monitor, monotonic_ms())
        if health is self.health or health.soon_ms is None:
            self._means.metrics.lost.labels("ignored").inc()
            return
        self.health, self._due_ms = health, health.soon_ms
        self._alarm.ring(self._due_ms)

    def _next_turn_ms(self) -> int:
        return schedule.next_due_ms(self._phase, self.monitor.interval_ms, monotonic_ms(), self._means.chance())
