"""What other coordinators said last: whom they hear, and what each has in force."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gslb.api.v1 import discovery_pb2 as pb
from gslb.codec.facts import load_order
from gslb.core.facts import AgentId
from gslb.core.hearing import Hearing
from gslb.core.order import Order


class Peers:
    """By address. `clock` is monotonic."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._hearing = Hearing()
        self._silent_since_s: dict[str, dict[AgentId, float]] = {}
        self.orders: dict[str, Order] = {}

    def hear(self, peer: str, beat: pb.Beat) -> None:
        now_s = self._clock()
        self._hearing.beat(peer, map(AgentId, beat.heard), now_s, settling=beat.settling)
        self._silent_since_s[peer] = {AgentId(one.agent): now_s - one.for_ms / 1000 for one in beat.silent}
        self.orders[peer] = load_order(beat.order)

    def lose(self, peer: str) -> bool:
        """The stream to it has ended; False if it never said anything."""
        self._hearing.lost(peer)
        self._silent_since_s.pop(peer, None)
        return self.orders.pop(peer, None) is not None

    def heard(self) -> frozenset[AgentId]:
        """Agents that at least one of them hears."""
        return self._hearing.heard(self._clock())

    def silent_s(self) -> Mapping[AgentId, float]:
        """Agents that some of them knows to be silent, for how long as the one says who has known it for longest."""
        now_s, since_s = self._clock(), dict[AgentId, float]()
        for told_s in self._silent_since_s.values():
            for agent, start_s in told_s.items():
                since_s[agent] = min(since_s.get(agent, now_s), start_s)
        return {agent: now_s - start_s for agent, start_s in since_s.items()}
