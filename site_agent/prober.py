"""All targets of an agent: takes assignments, keeps one task per target, and the register's states up to date."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable

from gslb.core.facts import Cause
from gslb.core.layouts import Target
from gslb.runtime.clock import monotonic_ms
from site_agent import probe as kinds
from site_agent import schedule
from site_agent.assignment import Assignment
from site_agent.probe.tls import TlsContexts
from site_agent.report import Seen
from site_agent.selfcheck import Outlook
from site_agent.target import Means, Orders, TargetProber


class Prober:
    """`on_change` is called with each target whose state has changed. Tasks live in `tasks`, the owner's group."""

    def __init__(self, means: Means, tasks: asyncio.TaskGroup, on_change: Callable[[Target], None]) -> None:
        self.layout: bytes | None = None
        self._means = means
        self._group = tasks
        self._on_change = on_change
        self._contexts = TlsContexts()
        self._offset = means.chance()
        self._made = 0
        self._probers: dict[Target, TargetProber] = {}
        self._tasks: dict[Target, asyncio.Task[None]] = {}
        self._index: dict[Target, int] = {}
        self._states = bytearray()
        self._awaited: set[Target] = set()

    @property
    def states(self) -> bytes:
        """One octet a target, in the order of the layout whose digest is `layout`."""
        return bytes(self._states)

    @property
    def is_settled(self) -> bool:
        """Whether every target of the first assignment (that is still assigned) has had its first result.

        Before that a report would spread `unknown` over what the agent said in its life before.
        """
        return self.layout is not None and not self._awaited

    def assign(self, assignment: Assignment) -> None:
        """Probe these targets from now on. Raises InvalidSnapshot, and then nothing has changed.

        Targets that stay keep their verdict; new ones are unknown until their first result.
        """
        orders = {target: self._orders(target, assignment) for target in assignment.layout.targets}
        is_first = self.layout is None
        self._drop(self._probers.keys() - orders.keys())
        self._means.sightings.keep_only(orders.keys())
        fresh = [target for target in assignment.layout.targets if target not in self._probers]
        for target, prober in self._probers.items():
            prober.follow(orders[target])
        now_ms = monotonic_ms()
        for place, target in enumerate(fresh):
            interval_ms = orders[target].monitor.interval_ms
            self._start(target, orders[target], schedule.first_due_ms(place, len(fresh), interval_ms, now_ms))
        self._index = {target: index for index, target in enumerate(assignment.layout.targets)}
        self._states = bytearray(self._probers[target].state.octet for target in self._index)
        self._awaited = set(fresh) if is_first else self._awaited & orders.keys()
        self.layout = assignment.layout.digest

    def seen(self, targets: Iterable[Target] | None = None) -> list[Seen]:
        """What is known of these targets, or of all, in the order of the layout."""
        wanted = self._index if targets is None else sorted(self._index.keys() & set(targets))
        return [self._seen(target) for target in wanted]

    def outlooks(self) -> list[Outlook]:
        """By site: how many targets have a verdict, and since when those that time out do so."""
        counts, since_ms = Counter[str](), defaultdict[str, list[int]](list)
        for target, prober in self._probers.items():
            if prober.has_view:
                counts[target.home] += 1
                if prober.health.cause is Cause.TIMEOUT:
                    since_ms[target.home].append(prober.health.cause_since_ms)
        return [Outlook(targets=count, timeouts_since_ms=tuple(since_ms[site])) for site, count in counts.items()]

    def _orders(self, target: Target, assignment: Assignment) -> Orders:
        monitor, known = assignment.monitors[target.monitor], self._probers.get(target)
        if known is not None and known.monitor == monitor and known.orders.allow == assignment.probe_allow:
            return known.orders
        probe = kinds.make(monitor, target.address, self._contexts)
        return Orders(monitor=monitor, probe=probe, allow=assignment.probe_allow)

    def _start(self, target: Target, orders: Orders, due_ms: int) -> None:
        phase = schedule.phase(self._made, self._offset)
        self._made += 1
        prober = TargetProber(target, orders, self._means, self._changed, phase=phase, due_ms=due_ms)
        self._probers[target] = prober
        self._tasks[target] = self._group.create_task(prober.run(), name=f"probe {target.endpoint}")

    def _drop(self, targets: Iterable[Target]) -> None:
        for target in targets:
            self._tasks.pop(target).cancel()
            del self._probers[target]

    def _changed(self, target: Target) -> None:
        self._awaited.discard(target)
        index = self._index.get(target)
        if index is not None:
            self._states[index] = self._probers[target].state.octet
            self._on_change(target)

    def _seen(self, target: Target) -> Seen:
        prober = self._probers[target]
        return Seen(
            index=self._index[target],
            health=prober.health,
            rules=prober.monitor,
            latency_us=prober.latency_us,
            probed_ms=prober.probed_ms,
        )
