"""What becomes of a configuration that one dns server has: released or rolled back, by coordinators or an operator."""

from __future__ import annotations

from collections.abc import Mapping

from gslb.coordinator.audit.entry import Note
from gslb.coordinator.configuration.keeper import ITSELF, NO_FENCE, Configuration
from gslb.coordinator.configuration.offer import End
from gslb.coordinator.metrics import Metrics
from gslb.coordinator.relay.hub import Hub
from gslb.core.errors import GslbError
from gslb.core.order import Order
from gslb.core.rollout import Outcome, Rollout, Stage
from gslb.runtime.logs import get_logger

STOPPED_S = 3.0
"""Who looks so late was stopped itself, and is not to take what it missed for silence."""


class Rollouts:
    def __init__(self, configuration: Configuration, hub: Hub, metrics: Metrics) -> None:
        self._configuration = configuration
        self._hub = hub
        self._metrics = metrics
        self._stuck, self._stuck_revision = "", 0
        self._log = get_logger("coordinator")

    @property
    def last(self) -> Rollout | None:
        """Of the newest configuration; None: none was applied yet."""
        return self._configuration.rollout

    @property
    def on_trial(self) -> Rollout | None:
        """As far as this coordinator tells the first dns server of it."""
        return self.last if self._hub.candidate is not None else None

    def troubles(self) -> tuple[str, ...]:
        """What an operator should know."""
        rollout = self.last
        if rollout is None:
            return ()
        undone = (
            f"configuration {rollout.revision} was rolled back, dns server {rollout.first} had it first:"
            f" {rollout.reason}; what was in force before is again: apply another"
            if rollout.stage is Stage.ROLLED_BACK and not rollout.who
            else ""
        )
        stuck = self._stuck if self.on_trial is not None and self._stuck_revision == rollout.revision else ""
        return tuple(text for text in (undone, stuck) if text)

    async def conclude(self, outcome: Outcome, reason: str, fence: Mapping[str, int]) -> None:
        """Do with what is on trial as somebody who looked at it found; what fails is found again by the next look."""
        rollout = self.on_trial
        if rollout is None:
            return
        try:
            await self._act(rollout, outcome, reason, fence)
        except GslbError as error:
            if self._stuck_revision != rollout.revision:
                self._log.warning("a trial cannot be ended", revision=rollout.revision, reason=str(error))
            self._stuck = f"configuration {rollout.revision} stays on trial at dns server {rollout.first}: {error}"
            self._stuck_revision = rollout.revision

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

    async def _act(self, rollout: Rollout, outcome: Outcome, reason: str, fence: Mapping[str, int]) -> None:
        number, where = rollout.revision, f"configuration {rollout.revision} at dns server {rollout.first}"
        match outcome:
            case Outcome.WAIT:
                pass
            case Outcome.RELEASE:
                note = Note(who=ITSELF, peer="", action="release", what=where)
                await self.release(End(number, note), fence)
            case Outcome.ROLL_BACK:
                note = Note(who=ITSELF, peer="", action="roll back", what=f"{where}: {reason}")
                await self.roll_back(End(number, note, reason=reason), fence)


class Looks:
    """Whether a look at a trial goes on from the last one, or begins anew. `begun_s`: when the first one was."""

    def __init__(self) -> None:
        self._order, self._looked_s = Order(), 0.0
        self.begun_s = 0.0

    def go_on(self, order: Order, now_s: float) -> bool:
        """Not if something else was on trial then, or if it was so long ago that who looks was stopped itself."""
        if self._order != order:
            self.begun_s = now_s
        goes_on = self._order == order and now_s - self._looked_s <= STOPPED_S
        self._order, self._looked_s = order, now_s
        return goes_on
