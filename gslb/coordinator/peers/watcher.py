"""Who watches the first dns server while a configuration is on trial there: one coordinator that hears it.

Coordinators that hear it stand for an election; the winner judges what it says, and stands down when it hears it no
more, for one that does. So a way that is cut between one coordinator and the first dns server ends no trial; nor does
one that knows less than all others: when other dns servers decide otherwise than a coordinator too, it is no judge. The
leader need not be among them: it sees whether anybody watches, and rolls back what nobody does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from gslb.coordinator.configuration.rollouts import Looks, Rollouts
from gslb.coordinator.metrics import Metrics
from gslb.coordinator.peers.holding import hold
from gslb.coordinator.peers.roster import WATCHER
from gslb.coordinator.relay.agents import BEAT_S
from gslb.coordinator.relay.dns_servers import DnsServer
from gslb.coordinator.relay.hub import Hub
from gslb.core.rollout import Attention, Outcome, Sight, Watch, is_heard, is_odd, look
from gslb.runtime.logs import get_logger
from gslb.store.base import ABSENT, ELECTIONS, Store
from gslb.store.leadership import Leadership


class Watcher:
    """`clock` is monotonic."""

    def __init__(
        self,
        store: Store,
        name: str,
        hub: Hub,
        rollouts: Rollouts,
        metrics: Metrics,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._name = name
        self._hub = hub
        self._rollouts = rollouts
        self._clock = clock
        self._looks = Looks()
        self._metrics = metrics
        self._watch: Watch | None = None
        self._log = get_logger("coordinator")

    async def run(self) -> None:
        """Stand for the election while the first dns server of a trial is heard here, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            standing: asyncio.Task[None] | None = None
            while True:
                if not self.is_fit():
                    if standing is not None:
                        standing.cancel()
                    standing = None
                elif standing is None:
                    standing = tasks.create_task(hold(self._store, WATCHER, self._name, self._elected))
                await asyncio.sleep(BEAT_S)

    def is_fit(self) -> bool:
        """Whether something is on trial, and the dns server that has it is heard here, and may be judged."""
        candidate, servers = self._hub.candidate, self._hub.dns_servers
        first = servers.get(candidate.first) if candidate is not None else None
        if first is None or not is_heard(first.seen_s, self._clock()):
            return False
        others = (self._differs_s(server) for server in servers.all() if server is not first)
        return not is_odd(self._differs_s(first), others)

    def _differs_s(self, server: DnsServer) -> float:
        return 0.0 if server.differs_since_s is None else self._clock() - server.differs_since_s

    async def _elected(self, leadership: Leadership) -> None:
        self._log.info("watching the first dns server", term=leadership.revision)
        self._watch = None
        with self._metrics.watches.track_inprogress():
            while leadership.is_held():
                await self.attend(leadership.fence)
                await asyncio.sleep(BEAT_S)

    async def attend(self, fence: Mapping[str, int]) -> None:
        """Look at the first dns server, and end the trial when it is time."""
        candidate, rollout = self._hub.candidate, self._rollouts.on_trial
        if candidate is None or rollout is None or not self.is_fit():
            return
        order, now_s = candidate.publication.snapshot.order, self._clock()
        if not self._looks.go_on(order, now_s) or self._watch is None:
            self._watch = Watch(begun_s=self._looks.begun_s, since_s=now_s)
        self._watch = look(self._watch, order, rollout.soak_s, self._sight(candidate.first), now_s)
        await self._rollouts.conclude(self._watch.outcome, self._watch.reason, fence)

    def _sight(self, first: str) -> Sight | None:
        server = self._hub.dns_servers.get(first)
        if server is None:
            return None
        return Sight(
            order=server.order,
            asked=server.asked,
            trouble=server.trouble,
            refused=server.refused,
            differs_s=self._differs_s(server),
        )


class Overseer:
    """What the leader does about trials. `watcher`: the name of the coordinator that watches, '' = none.

    `clock` is monotonic.
    """

    def __init__(self, hub: Hub, rollouts: Rollouts, watcher: Callable[[], str], clock: Callable[[], float]) -> None:
        self._hub = hub
        self._rollouts = rollouts
        self._watcher = watcher
        self._clock = clock
        self._looks = Looks()
        self._attention = Attention(since_s=clock())

    async def look(self, fence: Mapping[str, int]) -> None:
        """Every second, as the leader with this fence: roll back what no coordinator can watch.

        The store takes it only if nobody watches there either.
        """
        candidate = self._hub.candidate
        if candidate is None:
            return
        order, now_s = candidate.publication.snapshot.order, self._clock()
        if not self._looks.go_on(order, now_s):
            self._attention = Attention(since_s=now_s)
        self._attention = self._attention.seen(now_s, is_watched=bool(self._watcher()))
        if self._attention.is_lost(now_s):
            reason = "hears it any more" if self._attention.was_paid else "has heard it"
            reason = f"no coordinator {reason}, or can judge it"
            await self._rollouts.conclude(Outcome.ROLL_BACK, reason, {**fence, ELECTIONS + WATCHER: ABSENT})
