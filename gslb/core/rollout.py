"""How a new configuration reaches the dns servers: one of them first, the others once it has done well there.

What was decided stands in the store, so all coordinators tell a dns server the same. Whether the first does well a
coordinator that hears it judges, second by second, from what it says; that none hears it the leader finds. Pure: times
are arguments, in seconds of a monotonic clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from gslb.core.order import Order

DEFAULT_SOAK_S = 10
SILENT_AFTER_S = 5.0
"""Five missed beats: the first dns server hangs, died of what it was given, or the way to it is cut."""
UNWATCHED_AFTER_S = 3.0
"""The first dns server is heard by no coordinator; one that hears it takes over from another in less."""
FOUND_AFTER_S = 15.0
"""Coordinators that have only just begun may not have been found again by the first dns server yet."""
PATIENCE_S = 300.0
"""For the first dns server to fetch, try and serve it."""
DIFFERS_AFTER_S = 3.0
"""How long its decision may differ from the coordinator's while a change spreads."""


class Stage(StrEnum):
    TRIAL = "trial"
    RELEASED = "released"
    ROLLED_BACK = "rolled_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutSettings:
    """`soak_s`: how long the first dns server serves it alone; 0 = all get it at once. `first`: which one it is."""

    soak_s: int = DEFAULT_SOAK_S
    first: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """Of the newest configuration. `first`: the dns server that has it before the others; '' = all had it at once.

    `who`: the operator who ended the trial; '' = nobody did. `reason`: why it was rolled back.
    """

    revision: int
    stage: Stage
    first: str = ""
    soak_s: int = 0
    who: str = ""
    reason: str = ""


def begin(revision: int, settings: RolloutSettings, servers: Mapping[str, bool]) -> Rollout:
    """`servers`: all dns servers that are known, and whether each is connected. One that is alone gets it at once."""
    connected = sorted(name for name, is_connected in servers.items() if is_connected)
    if settings.soak_s == 0 or not may_begin(servers):
        return Rollout(revision=revision, stage=Stage.RELEASED)
    first = settings.first if settings.first in connected else connected[0]
    return Rollout(revision=revision, stage=Stage.TRIAL, first=first, soak_s=settings.soak_s)


def may_begin(servers: Mapping[str, bool]) -> bool:
    """Whether there is one that can be first, and another one that is spared."""
    return len(servers) > 1 and any(servers.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What the first dns server says of itself. `order`: what it serves.

    `asked`: of the snapshot that it last asked itself about, and `trouble`: what was wrong then. `refused`: order and
    reason. `differs_s`: how long it has decided otherwise than the coordinator.
    """

    order: Order
    asked: Order
    trouble: str = ""
    refused: tuple[Order, str] | None = None
    differs_s: float = 0.0


class Outcome(StrEnum):
    WAIT = "wait"
    RELEASE = "release"
    ROLL_BACK = "roll_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How a trial goes. `begun_s`: when this coordinator watched it for the first time, and `since_s`: since when it
    does without a break; `well_since_s`: since when all is well.

    `outcome`: what is to be done now, and `reason`: why it is to be rolled back.
    """

    begun_s: float
    since_s: float
    well_since_s: float | None = None
    outcome: Outcome = Outcome.WAIT
    reason: str = ""


def look(watch: Watch, order: Order, soak_s: int, sight: Sight | None, now_s: float) -> Watch:
    """The watch a moment later. `order`: of what is on trial. `sight` None: this dns server is not known here."""
    trouble = _trouble(order, sight, watch.since_s, now_s)
    if trouble is not None:
        return replace(watch, outcome=Outcome.ROLL_BACK, reason=trouble)
    is_well = (
        sight is not None
        and sight.order.is_of_snapshot(order)
        and sight.asked.is_of_snapshot(order)
        and not sight.differs_s
    )
    if not is_well:
        late = now_s - watch.begun_s > PATIENCE_S + soak_s
        reason = f"it did not serve it as it should within {PATIENCE_S + soak_s:.0f} s" if late else ""
        return replace(watch, well_since_s=None, outcome=Outcome.ROLL_BACK if late else Outcome.WAIT, reason=reason)
    well_since_s = now_s if watch.well_since_s is None else watch.well_since_s
    is_over = now_s - well_since_s >= soak_s
    return replace(watch, well_since_s=well_since_s, outcome=Outcome.RELEASE if is_over else Outcome.WAIT, reason="")


def is_heard(last_s: float, now_s: float) -> bool:
    """A dns server that last said something at `last_s`."""
    return now_s - last_s <= SILENT_AFTER_S


def is_odd(first_s: float, others_s: Iterable[float]) -> bool:
    """Whether a coordinator is no judge of the first dns server: others decide otherwise than it too.

    For how long the first dns server and the others do.
    """
    return first_s > DIFFERS_AFTER_S and any(others_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """Whether any coordinator watches a trial, as the leader sees it.

    `since_s`: when it last saw one watch (`was_paid`), else when it began to look.
    """

    since_s: float
    was_paid: bool = False

    def seen(self, now_s: float, *, is_watched: bool) -> Attention:
        """A moment later."""
        return Attention(since_s=now_s, was_paid=True) if is_watched else self

    def is_lost(self, now_s: float) -> bool:
        """Who hears the first dns server watches it: so none does."""
        return now_s - self.since_s > (UNWATCHED_AFTER_S if self.was_paid else FOUND_AFTER_S)


def _trouble(order: Order, sight: Sight | None, since_s: float, now_s: float) -> str | None:
    if sight is None:
        return None
    if sight.refused is not None and sight.refused[0].is_of_snapshot(order):
        return f"it refused it: {sight.refused[1]}"
    if sight.trouble and sight.asked.is_of_snapshot(order):
        return f"it asked itself: {sight.trouble}"
    differs_s = min(sight.differs_s, now_s - since_s)  # before, it differed about something else
    if differs_s > DIFFERS_AFTER_S:
        return f"it decided otherwise than the coordinator for {differs_s:.0f} s"
    return None
