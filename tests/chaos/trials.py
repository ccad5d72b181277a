"""What a scenario does to the world, trial by trial, and what came of it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import ceil, inf
from statistics import median

from chaos import asker, plan
from chaos.judge import Judged, Sentence, changed_after
from chaos.truth import Member, Phase
from chaos.world import World

PATIENCE_S = 20.0
INTERVAL_S = 2.0
"""By the defaults each member is probed once in it, at a place of its own, far from the others'."""
_SHOWN = 3
_LOOK_S = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """In seconds; None = none. Of `lost` queries and `false` answers so many may be."""

    median_s: float | None = None
    p99_s: float | None = None
    worst_s: float | None = None
    lost: int = 0
    false: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A row of the table. `stale` answers name a member that was gone; the longest time after it was is `wrong_s`.

    `took_s`: until the answer had changed, of every trial and dns server. `problems`: why it is not as it should be.
    """

    name: str
    fault: str
    trials: int
    answers: int
    stale: int
    false: int
    lost: int
    wrong_s: float
    took_s: tuple[float, ...]
    limits: Limits
    problems: tuple[str, ...]

    @property
    def median_s(self) -> float:
        return median(self.took_s) if self.took_s else 0.0

    @property
    def p99_s(self) -> float:
        return sorted(self.took_s)[ceil(0.99 * len(self.took_s)) - 1] if self.took_s else 0.0


@dataclass(slots=True, kw_only=True)
class Trials:
    """Kept by a scenario while it runs. `is_long`: there is time, 10 minutes or so."""

    world: World
    is_long: bool = False
    begun_s: float = field(default_factory=time.monotonic)
    count: int = 0
    took_s: list[float] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    async def lose(
        self, members: Collection[Member], break_it: Callable[[], None], *, at: Sequence[str] = plan.DNS
    ) -> None:
        """Break what takes these members away; returns when the dns servers `at` answer without them, or too late."""
        from_s = time.monotonic()
        self.world.truth.tell(members, Phase.DOWN, from_s)
        break_it()
        await self.until_right({member.site for member in members}, from_s, at)

    async def interval_begins(self) -> None:
        """Trials that all begin here spread evenly over how long the next probe takes to come, where members differ."""
        await asyncio.sleep(INTERVAL_S - time.monotonic() % INTERVAL_S)

    async def kill_servers(self, count: int) -> None:
        """So many trials: one web server after the other is killed, and comes back."""
        async for member in self.world.in_turn(count):
            await self.lose([member], partial(self.world.kill, member.name))
            self.world.come_back(member)

    async def until_right(self, sites: Collection[str], from_s: float, at: Sequence[str] = plan.DNS) -> None:
        """One trial: until these dns servers have answered rightly what clients of these sites asked after `from_s`."""
        self.count += 1
        took_s: dict[str, float | None] = dict.fromkeys(at)
        while None in took_s.values() and time.monotonic() < from_s + PATIENCE_S:
            await asyncio.sleep(_LOOK_S)
            judged = self.world.client.judged(from_s)
            took_s = {name: changed_after(judged, name, tuple(sites), from_s) for name in at}
        for name, seconds in took_s.items():
            self.took_s.append(inf if seconds is None else seconds)
            self.require(seconds is not None, f"{name} did not answer rightly within {PATIENCE_S:.0f} s")

    async def watch(self, seconds: float) -> None:
        """One trial: go on for a while. Nothing more is to be seen than right answers."""
        self.count += 1
        await asyncio.sleep(seconds)

    async def restart_dns(self, name: str, meanwhile: Callable[[], None] = lambda: None) -> None:
        """One trial: kill a dns server, start it again, until its first right answer. Clients ask others meanwhile."""
        killed_s = time.monotonic()
        self.world.kill(name)
        meanwhile()
        from_s = time.monotonic()
        self.world.start(name)
        await self.until_right(plan.SITES, from_s, (name,))
        self.world.truth.excuse(name, killed_s, time.monotonic())

    def require(self, holds: bool, otherwise: str) -> None:
        """`otherwise`: the sentence that says what was not as it should be."""
        if not holds:
            self.problems.append(otherwise)

    async def outcome(self, name: str, fault: str, limits: Limits) -> Outcome:
        """Judge everything that was asked since it began."""
        ended_s = time.monotonic()
        await asyncio.sleep(asker.PATIENCE_S + 0.2)
        judged = [one for one in self.world.client.judged(self.begun_s) if one.answer.sent_s <= ended_s]
        counts = Counter(one.sentence for one in judged)
        stale = [one.wrong_s for one in judged if one.sentence is Sentence.STALE]
        made = Outcome(
            name=name,
            fault=fault,
            trials=self.count,
            answers=len(judged),
            stale=counts[Sentence.STALE],
            false=counts[Sentence.FALSE],
            lost=counts[Sentence.LOST],
            wrong_s=max(stale, default=0.0),
            took_s=tuple(self.took_s),
            limits=limits,
            problems=(),
        )
        return replace(made, problems=(*self.problems, *beyond(made), *_seen(judged)))


def beyond(outcome: Outcome) -> list[str]:
    """Which limits do not hold."""
    limits = outcome.limits
    timed = (
        ("median", outcome.median_s, limits.median_s),
        ("p99", outcome.p99_s, limits.p99_s),
        ("longest wrong time", outcome.wrong_s, limits.worst_s),
    )
    counted = (("lost queries", outcome.lost, limits.lost), ("false answers", outcome.false, limits.false))
    found = [
        f"{what} {is_s:.3f} s, not {most_s:g}" for what, is_s, most_s in timed if most_s is not None and is_s > most_s
    ]
    return found + [f"{number} {what}" for what, number, most in counted if number > most]


def _seen(judged: Sequence[Judged]) -> list[str]:
    """What must never be, most frequent first."""
    seen = Counter(
        f"{one.answer.dns_server}{' over TCP' if one.answer.tcp else ''}: {one.reason}"
        for one in judged
        if one.sentence in (Sentence.FALSE, Sentence.LOST)
    )
    return [f"{text} ({number} times)" for text, number in seen.most_common(_SHOWN)]
