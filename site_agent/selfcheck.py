"""Does the agent trust its own eyes? A lagging loop, or most targets timing out together, points at the agent itself.

A sick agent says so in its report; its time-out verdicts then count as unknown. It stays sick for a while after the
last symptom, because verdicts that arose under it outlive it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from gslb.runtime.clock import monotonic_ms

SICK_LAG_MS = 250
TOGETHER_MS = 10_000
LEAST_TARGETS = 3
SICK_FOR_MS = 10_000
_BEAT_MS = 100
_BEATS = 10


def is_timing_out_together(since_ms: Sequence[int], targets: int) -> bool:
    """Whether more than half of all `targets`, and at least three, began to time out within ten seconds.

    `since_ms`: since when each target that times out does so. Those that stopped answering one by one over hours
    are ill themselves; those that stopped at once have the agent, or its network, in common.
    """
    least = max(LEAST_TARGETS, targets // 2 + 1)
    if len(since_ms) < least:
        return False
    times = sorted(since_ms)
    return any(last - first <= TOGETHER_MS for first, last in zip(times, times[least - 1 :], strict=False))


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

    def is_sick(self, *, now_ms: int, lag_ms: int, timeouts_since_ms: Sequence[int], targets: int) -> bool:
        """Look at the symptoms of now; True while they last and ten seconds longer."""
        if lag_ms >= SICK_LAG_MS or is_timing_out_together(timeouts_since_ms, targets):
            self._sick_until_ms = now_ms + SICK_FOR_MS
        return now_ms < self._sick_until_ms
