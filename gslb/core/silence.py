"""Who is not heard, and for how long: the one premise of a decision that comes from a clock.

Each node counts on its own monotonic clock since when it knows an agent to be silent, and believes others who have
known it for longer. Of every such time a decision sees only the longest configured limit that it has passed, so equal
nodes conclude the same, and a decision changes only when a limit passes. Pure: times are arguments.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gslb.core.facts import AgentId
from gslb.core.model import Model

Silence = Mapping[AgentId, int]
"""Silent agents, each with the longest configured limit, in milliseconds, that its silence has lasted; 0 = none yet."""

NO_SILENCE: Silence = {}


def followed(since_s: Mapping[AgentId, float], told_s: Mapping[AgentId, float], now_s: float) -> dict[AgentId, float]:
    """Since when each silent agent is, from what was known and from how long it has been silent as told now.

    The earlier time counts: one who tells, but has only just started, makes no silence shorter.
    """
    return {agent: min(since_s.get(agent, now_s), now_s - age_s) for agent, age_s in told_s.items()}


def passed(since_s: Mapping[AgentId, float], limits_ms: Iterable[int], now_s: float) -> Silence:
    """What a decision may know of it."""
    limits = sorted(limits_ms)
    return {agent: _longest(limits, (now_s - start_s) * 1000) for agent, start_s in since_s.items()}


def limits_ms(model: Model) -> frozenset[int]:
    """How long monitors let verdicts stand that nobody can renew."""
    return frozenset(one.down_after_ms for one in model.monitors if one.down_after_ms is not None)


def _longest(limits: list[int], age_ms: float) -> int:
    return max((limit for limit in limits if limit <= age_ms), default=0)
