"""What other coordinators said last: whom they hear, and what each has in force."""

from __future__ import annotations

from collections.abc import Callable

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
        self.orders: dict[str, Order] = {}

    def hear(self, peer: str, beat: pb.Beat) -> None:
        self._hearing.beat(peer, map(AgentId, beat.heard), self._clock(), settling=beat.settling)
        self.orders[peer] = load_order(beat.order)

    def lose(self, peer: str) -> bool:
        """The stream to it has ended; False if it never said anything."""
        self._hearing.lost(peer)
        return self.orders.pop(peer, None) is not None

    def heard(self) -> frozenset[AgentId]:
        """Agents that at least one of them hears."""
        return self._hearing.heard(self._clock())
