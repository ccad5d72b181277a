"""Which agents are heard by this coordinator or another one, and for how long the rest have been silent."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from gslb.api.v1.discovery_pb2 import SilentAgent
from gslb.coordinator.relay.agents import Agents
from gslb.coordinator.relay.peers import Peers
from gslb.core.facts import AgentId
from gslb.core.model import Model
from gslb.core.silence import Silence, Silences, limits_ms


class Presence:
    """Of agents whose registers are known, as `registered` tells. `clock` is monotonic.

    `settle_s`: how long from now on nobody counts as silent, as agents may yet come.
    """

    def __init__(
        self,
        agents: Agents,
        peers: Peers,
        registered: Callable[[], Collection[AgentId]],
        clock: Callable[[], float],
        settle_s: float,
    ) -> None:
        self._agents = agents
        self._peers = peers
        self._registered = registered
        self._clock = clock
        self._settled_s = clock() + settle_s
        self._silences = Silences()

    @property
    def is_settling(self) -> bool:
        return self._clock() < self._settled_s

    def heard_here(self) -> frozenset[AgentId]:
        """By this coordinator."""
        return frozenset(agent for agent in self._agents.all() if not self._agents.is_silent(agent))

    def heard(self) -> frozenset[AgentId]:
        """By any coordinator."""
        return self.heard_here() | self._peers.heard()

    def silent(self) -> frozenset[AgentId]:
        """Whom no coordinator has heard for three beats."""
        return frozenset() if self.is_settling else frozenset(self._registered()) - self.heard()

    def silence(self, model: Model) -> Silence:
        """The same with how long they have been, as decisions by this model take it."""
        if self.is_settling:
            return {}
        self._follow()
        return self._silences.passed(limits_ms(model), self._clock())

    def silent_s(self) -> Mapping[AgentId, float]:
        """How long each silent agent has been. While nobody counts as silent yet, as before the restart."""
        if not self.is_settling:
            self._follow()
        return self._silences.ages_s(self._clock())

    def tell(self) -> list[SilentAgent]:
        """As others are told; none while settling."""
        ages_s = {} if self.is_settling else self.silent_s()
        return [SilentAgent(agent=agent, for_ms=int(age_s * 1000)) for agent, age_s in sorted(ages_s.items())]

    def remember(self, ages_s: Mapping[AgentId, float]) -> None:
        """Of before a restart; agents that are heard before this coordinator has settled begin anew."""
        self._silences.remember(ages_s, self._clock())

    def _follow(self) -> None:
        told_s = self._peers.silent_s()
        silent_s = {agent: told_s.get(agent, 0.0) for agent in self.silent()}
        self._silences.follow(self._registered(), silent_s, self._clock())
