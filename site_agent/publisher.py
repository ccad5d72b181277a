"""Makes the agent's register: at once when a state has changed, and every second whether or not anything has.

Uplinks take the newest register through a `Feed`; an uplink that is slow skips registers, never changes.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from gslb.core.facts import AgentId, Report, Verdict
from gslb.core.layouts import Target
from gslb.runtime.clock import monotonic_ms, monotonic_s
from site_agent.boot import Boot
from site_agent.metrics import AgentMetrics
from site_agent.prober import Prober
from site_agent.selfcheck import LoopLag, SelfCheck

BEAT_S = 1.0
GAP_S = 0.01
"""Least time between two registers, so that a site that fails all at once costs a hundred a second, not thousands."""


@dataclass(slots=True)
class Feed:
    """One uplink's view: the newest register, and the targets whose evidence has changed since it looked."""

    report: Report | None = None
    changed: set[Target] = field(default_factory=set)
    news: asyncio.Event = field(default_factory=asyncio.Event)


class Publisher:
    """The one writer of this agent's register."""

    def __init__(self, agent: AgentId, boot: Boot, lag: LoopLag, metrics: AgentMetrics) -> None:
        self._agent = agent
        self._boot = boot
        self._lag = lag
        self._metrics = metrics
        self._check = SelfCheck()
        self._sequence = 0
        self._latest: Report | None = None
        self._feeds: list[Feed] = []
        self._has_changed = asyncio.Event()

    def open_feed(self) -> Feed:
        """A feed for a new stream, with the newest register in it if there is one."""
        feed = Feed(report=self._latest)
        if self._latest is not None:
            feed.news.set()
        self._feeds.append(feed)
        return feed

    def close_feed(self, feed: Feed) -> None:
        self._feeds.remove(feed)

    def note(self, target: Target) -> None:
        """A target's state has changed. All that changes in the same turn of the loop goes into one register."""
        for feed in self._feeds:
            feed.changed.add(target)
        self._has_changed.set()

    def note_assignment(self) -> None:
        """The layout has changed: say so without waiting for the beat."""
        self._has_changed.set()

    async def run(self, prober: Prober) -> None:
        """Publish until cancelled."""
        beat_s = monotonic_s() + BEAT_S
        while True:
            if await self._wait(beat_s):
                beat_s = monotonic_s() + BEAT_S
            self._has_changed.clear()
            if prober.layout is not None and prober.is_settled:
                self._publish(prober, prober.layout)
                await asyncio.sleep(GAP_S)

    async def _wait(self, beat_s: float) -> bool:
        """Until something has changed, or the beat: True."""
        try:
            async with asyncio.timeout(max(0.0, beat_s - monotonic_s())):
                await self._has_changed.wait()
        except TimeoutError:
            return True
        return False

    def _publish(self, prober: Prober, layout: bytes) -> None:
        self._sequence += 1
        lag_ms, states = self._lag.worst_ms, prober.states
        sick = self._check.is_sick(now_ms=monotonic_ms(), lag_ms=lag_ms, outlooks=prober.outlooks())
        self._latest = Report(
            agent=self._agent,
            boot=self._boot.number,
            sequence=self._sequence,
            layout=layout,
            states=states,
            sick=sick,
            lag_ms=lag_ms,
        )
        self._count(self._latest)
        for feed in self._feeds:
            feed.report = self._latest
            feed.news.set()

    def _count(self, latest: Report) -> None:
        verdicts = Counter(octet & 3 for octet in latest.states)
        for verdict in Verdict:
            self._metrics.targets.labels(verdict.name.lower()).set(verdicts[verdict])
        self._metrics.loop_lag_s.set(latest.lag_ms / 1000)
        self._metrics.sick.set(latest.sick)
