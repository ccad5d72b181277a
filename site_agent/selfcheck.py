"""Does the agent trust its own eyes? A lagging loop, or most targets timing out together, points at the agent itself.

Targets stand at sites, the agent's own or others that it looks at from outside. Where one of several sites is lost as a
whole, that site is ill, and saying so is what the agent is for; what most of the sites have in common is the agent.

A sick agent says so in its report; its time-out verdicts then count as unknown. It stays sick for a while after the
last symptom, because verdicts that arose under it outlive it.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass

from gslb.runtime.clock import monotonic_ms

SICK_LAG_MS = 250
TOGETHER_MS = 10_000
LEAST_TARGETS = 3
SICK_FOR_MS = 10_000
_BEAT_MS = 100
_BEATS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What the agent sees of one site: how many targets it can judge, and since when those that time out do so."""

    targets: int
    timeouts_since_ms: tuple[int, ...]


def is_timing_out_together(outlooks: Sequence[Outlook]) -> bool:
    """Whether, within ten seconds, most targets of most sites began to time out, and at least three in all.

    Those that stopped answering one by one over hours are ill themselves; those that stopped at once have the agent,
    or its network, in common.
    """
    dark = [one for one in outlooks if 2 * len(one.timeouts_since_ms) > one.targets]
    if 2 * len(dark) <= len(outlooks):
        return False
    starts = sorted((since_ms, site) for site, one in enumerate(dark) for since_ms in one.timeouts_since_ms)
    recent, first = Counter[int](), 0
    for count, (since_ms, site) in enumerate(starts, start=1):
        recent[site] += 1
        while since_ms - starts[first][0] > TOGETHER_MS:
            recent[starts[first][1]] -= 1
            first += 1
        together = sum(2 * recent[at] > one.targets for at, one in enumerate(dark))
        if count - first >= LEAST_TARGETS and 2 * together > len(outlooks):
            return True
    return False


class LoopLag:
    """How late the event loop runs what is due: the worst of the last second."""

    def __init__(self) -> None:
        self._lags_ms: deque[int] = deque([0], maxlen=_BEATS)

    @property
    def worst_ms(self) -> int:
        return max(self._lags_ms)

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            due_ms = monotonic_ms() + _BEAT_MS
            await asyncio.sleep(_BEAT_MS / 1000)
            self._lags_ms.append(max(0, monotonic_ms() - due_ms))


class SelfCheck:
    """Remembers symptoms for as long as they matter."""

    def __init__(self) -> None:
        self._sick_until_ms = 0

    def is_sick(self, *, now_ms: int, lag_ms: int, outlooks: Sequence[Outlook]) -> bool:
        """Look at the symptoms of now; True while they last and ten seconds longer."""
        if lag_ms >= SICK_LAG_MS or is_timing_out_together(outlooks):
            self._sick_until_ms = now_ms + SICK_FOR_MS
        return now_ms < self._sick_until_ms
