"""Directives: conclusions with memory, written into the store under one rising revision. Here: operators' overrides."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """`since_unix_s`, `until_unix_s`: wall clock, for people and for the coordinator that ends it; None = no end."""

    scope: Scope
    action: Action
    who: str
    why: str
    since_unix_s: int
    until_unix_s: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Directives:
    """`overrides`: sorted by scope, at most one per scope. The narrower scope wins (member, pool, site).

    `break_glass`: of one dns server's machine alone, sorted likewise; any of them beats all `overrides`.
    """

    revision: int = 0
    overrides: tuple[Override, ...] = ()
    break_glass: tuple[Override, ...] = ()


NO_DIRECTIVES = Directives()
