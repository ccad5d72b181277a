"""Directives: conclusions with memory, written into the store under one rising revision.

Here: operators' overrides, latches, by which a member that was down is remembered until it has wholly come back, and
agents that were taken out of service.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from gslb.core.facts import AgentId
from gslb.core.model import Family


class ScopeKind(StrEnum):
    SITE = "site"
    POOL = "pool"
    MEMBER = "member"


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """What an override is about: a site, a pool, or `POOL/MEMBER`."""

    kind: ScopeKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


class Action(StrEnum):
    """DRAIN and FORCE_DOWN take out of the answers, even out of `serve_all`; FORCE_UP beats every verdict."""

    DRAIN = "drain"
    FORCE_DOWN = "force_down"
    FORCE_UP = "force_up"


OUT = frozenset({Action.DRAIN, Action.FORCE_DOWN})
"""What an operator took out never serves, not even under `all_down`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """`since_unix_s`, `until_unix_s`: wall clock, for people and for the coordinator that ends it; None = no end."""

    scope: Scope
    action: Action
    who: str
    why: str
    since_unix_s: int
    until_unix_s: int | None


class LatchKey(NamedTuple):
    """A member of a pool as one monitor sees it in one family: each has a verdict of its own."""

    pool: str
    monitor: str
    family: Family
    member: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Latch:
    """A member that was down, of a pool that does not take it back by itself (`failback`).

    `revision`: of the directives that noted it down; whoever releases it names this, so that a later down stays noted.
    `down_unix_s`, `up_unix_s`: since when, wall clock, for people; None = it has not been seen up again. `step`: how
    far a ramp has come.
    """

    key: LatchKey
    revision: int
    down_unix_s: int
    up_unix_s: int | None = None
    step: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgottenAgent:
    """An agent that was taken out of service: its registers up to this boot count nowhere (`gslb.core.forgetting`).

    `since_unix_s`: wall clock.
    """

    agent: AgentId
    boot: int
    since_unix_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Directives:
    """`overrides`: sorted by scope, at most one per scope. The narrower scope wins (member, pool, site).

    `latches`: sorted by key, at most one per key. `forgotten`: sorted by agent, at most one each. `break_glass`: of one
    dns server's machine alone, sorted as overrides are; any of them beats all `overrides`.
    """

    revision: int = 0
    overrides: tuple[Override, ...] = ()
    latches: tuple[Latch, ...] = ()
    forgotten: tuple[ForgottenAgent, ...] = ()
    break_glass: tuple[Override, ...] = ()


NO_DIRECTIVES = Directives()
