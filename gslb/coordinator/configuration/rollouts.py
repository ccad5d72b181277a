"""What becomes of a configuration that one dns server has: released or rolled back, by the leader or an operator."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gslb.coordinator.audit.entry import Note
from gslb.coordinator.configuration.keeper import ITSELF, NO_FENCE, Configuration
from gslb.coordinator.configuration.offer import End
from gslb.coordinator.metrics import Metrics
from gslb.coordinator.relay.hub import Hub
from gslb.core.errors import GslbError
from gslb.core.order import Order
from gslb.core.rollout import Outcome, Rollout, Sight, Stage, Watch, look
from gslb.runtime.logs import get_logger

STOPPED_S = 3.0
"""Who looks so late was stopped itself, and is not to take what it missed for silence."""


class Rollouts:
    """`clock` is monotonic."""

    def __init__(self, configuration: Configuration, hub: Hub, metrics: Metrics, clock: Callable[[], float]) -> None:
        self._configuration = configuration
        self._hub = hub
        self._metrics = metrics
        self._clock = clock
        self._watched, self._looked_s = Order(), 0.0
        self._watch: Watch | None = None
        self._stuck = ""
        self._log = get_logger("coordinator")

    @property
    def last(self) -> Rollout | None:
        """Of the newest configuration; None: none was applied yet."""
        return self._configuration.rollout

    def troubles(self) -> tuple[str, ...]:
        """What an operator should know."""
        rollout = self.last
        undone = (
            f"configuration {rollout.revision} was rolled back, dns server {rollout.first} had it first:"
            f" {rollout.reason}; what was in force before is again: apply another"
            if rollout is not None and rollout.stage is Stage.ROLLED_BACK and not rollout.who
            else ""
        )
        stuck = self._stuck if self._hub.candidate is not None else ""
        return tuple(text for text in (undone, stuck) if text)

    def forget(self) -> None:
        """What was seen before somebody else led."""
        self._watch = None

    async def attend(self, fence: Mapping[str, int]) -> None:
        """Every second, as the leader with this fence: look at the first dns server, end the trial when it is time."""
        candidate, rollout = self._hub.candidate, self.last
        if candidate is None or rollout is None:
            self._watch, self._stuck = None, ""
            return
        order, now_s = candidate.publication.snapshot.order, self._clock()
        if self._watch is None or self._watched != order or now_s - self._looked_s > STOPPED_S:
            self._watched, self._watch = order, Watch(since_s=now_s)
        self._looked_s = now_s
        self._watch = look(self._watch, order, rollout.soak_s, self._sight(candidate.first, now_s), now_s)
        try:
            await self._act(rollout, self._watch, fence)
        except GslbError as error:
            if not self._stuck:
                self._log.warning("a trial cannot be ended", revision=rollout.revision, reason=str(error))
            self._stuck = f"configuration {rollout.revision} stays on trial at dns server {rollout.first}: {error}"

    async def release(self, end: End, fence: Mapping[str, int] = NO_FENCE) -> None:
        """Let all dns servers have it. Raises as `Configuration.release`."""
        await self._configuration.release(end, fence)
        self._metrics.rollouts.labels("released").inc()
        self._log.info("released to all dns servers", revision=end.revision, who=end.who)

    async def roll_back(self, end: End, fence: Mapping[str, int] = NO_FENCE) -> None:
        """Let the first dns server have what the others have. Raises as `Configuration.roll_back`."""
        await self._configuration.roll_back(end, fence)
        self._metrics.rollouts.labels("rolled_back").inc()
        self._log.error("rolled back", revision=end.revision, who=end.who, reason=end.reason)

    async def _act(self, rollout: Rollout, watch: Watch, fence: Mapping[str, int]) -> None:
        number, where = rollout.revision, f"configuration {rollout.revision} at dns server {rollout.first}"
        match watch.outcome:
            case Outcome.WAIT:
                pass
            case Outcome.RELEASE:
                note = Note(who=ITSELF, peer="", action="release", what=where)
                await self.release(End(number, note), fence)
            case Outcome.ROLL_BACK:
                note = Note(who=ITSELF, peer="", action="roll back", what=f"{where}: {watch.reason}")
                await self.roll_back(End(number, note, reason=watch.reason), fence)

    def _sight(self, first: str, now_s: float) -> Sight | None:
        server = self._hub.dns_servers.get(first)
        if server is None:
            return None
        return Sight(
            heard_s=server.seen_s,
            order=server.order,
            asked=server.asked,
            trouble=server.trouble,
            refused=server.refused,
            differs_s=0.0 if server.differs_since_s is None else now_s - server.differs_since_s,
        )
