"""Which agents nobody hears any more, from what coordinators say every second to dns servers and to each other.

Losing coordinators is no reason to call agents silent: without one to ask, the last conclusion stays.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gslb.core.facts import AgentId

FRESH_S = 3.0
"""A coordinator whose last beat is older says nothing about agents."""
SETTLED_BEATS = 3
"""A coordinator that has only just started, or been reached, may not have heard its agents yet."""


@dataclass(slots=True)
class _Ear:
    beats: int
    heard: frozenset[AgentId]
    last_s: float


class Hearing:
    """What each coordinator hears. Times are of the listener's monotonic clock."""

    def __init__(self) -> None:
        self._ears: dict[str, _Ear] = {}

    def beat(self, coordinator: str, heard: Iterable[AgentId], now_s: float, *, settling: bool = False) -> None:
        """`settling`: it has only just started, so whom it does not hear may be alive."""
        known = self._ears.get(coordinator)
        beats = 0 if settling else known.beats + 1 if known else 1
        self._ears[coordinator] = _Ear(beats, frozenset(heard), now_s)

    def lost(self, coordinator: str) -> None:
        """Its stream has ended."""
        self._ears.pop(coordinator, None)

    def silent(self, agents: Iterable[AgentId], now_s: float) -> frozenset[AgentId] | None:
        """Those of `agents` that no coordinator hears; None when there is nobody who could tell."""
        if all(ear.beats < SETTLED_BEATS for ear in self._fresh(now_s)):
            return None
        return frozenset(agents) - self.heard(now_s)

    def heard(self, now_s: float) -> frozenset[AgentId]:
        """Agents that some coordinator hears."""
        return frozenset[AgentId]().union(*(ear.heard for ear in self._fresh(now_s)))

    def _fresh(self, now_s: float) -> list[_Ear]:
        return [ear for ear in self._ears.values() if now_s - ear.last_s <= FRESH_S]
