"""Who is not heard, and for how long: the one premise of a decision that comes from a clock.

Each node counts on its own monotonic clock since when it knows an agent to be silent, and believes others who have
known it for longer, but never beyond the time when it knew the agent to be heard: who was cut off from everybody calls
agents silent whom others heard all the while. Of every such time a decision sees only the longest configured limit that
it has passed, so equal nodes conclude the same, and a decision changes only when a limit passes. Pure: times are
arguments.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf

from gslb.core.facts import AgentId
from gslb.core.model import Model

Silence = Mapping[AgentId, int]
"""Silent agents, each with the longest configured limit, in milliseconds, that its silence has lasted; 0 = none yet."""

NO_SILENCE: Silence = {}


class Silences:
    """Since when each silent agent has been, as one node knows. Times are of its monotonic clock."""

    def __init__(self) -> None:
        self._since_s: dict[AgentId, float] = {}
        self._heard_s: dict[AgentId, float] = {}
        """When those that are known were last not silent."""

    def remember(self, ages_s: Mapping[AgentId, float], now_s: float) -> None:
        """As it was before a restart; counts for those that turn out to be silent still."""
        self._since_s = {agent: now_s - age_s for agent, age_s in ages_s.items()}

    def follow(self, known: Iterable[AgentId], told_s: Mapping[AgentId, float], now_s: float) -> None:
        """Of all that are known those in `told_s` are silent now, each for so long as somebody says.

        The earlier time counts: one who tells, but has only just started, makes no silence shorter.
        """
        heard_s = {agent: now_s if agent not in told_s else self._heard_s.get(agent) for agent in known}
        self._heard_s = {agent: at_s for agent, at_s in heard_s.items() if at_s is not None}
        self._since_s = {agent: self._since(agent, age_s, now_s) for agent, age_s in told_s.items()}

    def _since(self, agent: AgentId, age_s: float, now_s: float) -> float:
        told_s = max(now_s - age_s, self._heard_s.get(agent, -inf))
        return min(self._since_s.get(agent, now_s), told_s)

    def ages_s(self, now_s: float) -> Mapping[AgentId, float]:
        """Of all silent ones."""
        return {agent: now_s - since_s for agent, since_s in self._since_s.items()}

    def passed(self, limits_ms: Iterable[int], now_s: float) -> Silence:
        """What a decision may know of it."""
        limits = sorted(limits_ms)
        return {agent: _longest(limits, age_s * 1000) for agent, age_s in self.ages_s(now_s).items()}


def limits_ms(model: Model) -> frozenset[int]:
    """How long monitors let verdicts stand that nobody can renew."""
    return frozenset(one.down_after_ms for one in model.monitors if one.down_after_ms is not None)


def _longest(limits: list[int], age_ms: float) -> int:
    return max((limit for limit in limits if limit <= age_ms), default=0)
