"""What an override can be about, and what would come of it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import assert_never

from gslb.config.problems import did_you_mean
from gslb.coordinator.refusals import not_found
from gslb.core.decision import (
    Addresses,
    Bindings,
    Decision,
    LastResort,
    Level,
    NoData,
    Outcome,
    PoolKey,
    Pools,
    PoolState,
    ServFail,
    shares_of,
)
from gslb.core.directives import Scope
from gslb.core.model import Family, Model
from gslb.core.names import Name
from gslb.core.scopes import names_of

MAX_WARNINGS = 50
MAX_NAMES = 5


def check_scope(scope: Scope, model: Model) -> None:
    """NOT_FOUND, with the nearest known one, for what is not in the configuration."""
    if not has_scope(scope, model):
        near = did_you_mean(scope.name, names_of(scope.kind, model))
        raise not_found(f"no {scope.kind} '{scope.name}' in the configuration{near}")


def has_scope(scope: Scope, model: Model) -> bool:
    return scope.name in names_of(scope.kind, model)


def consequences(model: Model, before: Decision, after: Decision) -> tuple[str, ...]:
    """Sentences for people: pools left without a serving member, who used them and uses what now, services all down.

    `model`: of `after`.
    """
    moves = _moves(model, before, after)
    emptied = {
        (key.pool, key.family): None
        for key, state in after.pools.items()
        if _serves(before, key) and not _serving(state)
    }
    said = [_emptied(pool, family, moves) for pool, family in emptied]
    said += [
        f"nothing that serves is left for service {name}: its `all_down` takes force"
        for name in sorted(after.down - before.down)
    ]
    return tuple(said[:MAX_WARNINGS])


@dataclass(frozen=True, slots=True)
class _Move:
    """What some clients of these services got before, and get after."""

    services: list[Name]
    family: Family
    bindings: Bindings
    pairs: frozenset[tuple[Outcome, Outcome]]


def _moves(model: Model, before: Decision, after: Decision) -> list[_Move]:
    """Rows that change; services with the same rows and pools are one."""
    alike: dict[tuple[int, int, Bindings], _Move] = {}
    for service, family in product(model.services, Family):
        was, row = before.rows.get((service.name, family)), after.rows.get((service.name, family))
        if was is None or row is None or was is row:
            continue
        key = id(was), id(row), service.bindings
        if key not in alike:
            alike[key] = _Move([], family, service.bindings, frozenset(zip(was, row, strict=True)))
        alike[key].services.append(service.name)
    return list(alike.values())


def _emptied(pool: str, family: Family, moves: list[_Move]) -> str:
    uses: dict[str, list[Name]] = {}
    for move in moves:
        then = {
            _describe(after, move.bindings) for was, after in move.pairs if pool in dict(shares_of(was, move.bindings))
        }
        if move.family is family and then:
            uses.setdefault(" or ".join(sorted(then)), []).extend(move.services)
    said = [f"{_list(names)} will use {then}" for then, names in uses.items()]
    return f"this leaves pool {pool} without a serving member ({family}): {'; '.join(said) or 'no service uses it'}"


def _describe(outcome: Outcome, bindings: Bindings) -> str:
    match outcome:
        case Pools() | LastResort():
            return " and ".join(name for name, _ in shares_of(outcome, bindings))
        case Addresses(addresses=addresses):
            return " and ".join(map(str, addresses))
        case NoData():
            return "nothing (NODATA)"
        case ServFail():
            return "nothing (SERVFAIL)"
        case _:
            assert_never(outcome)


def _list(names: list[Name]) -> str:
    shown = ", ".join(str(name) for name in sorted(names)[:MAX_NAMES])
    return f"{shown} and {len(names) - MAX_NAMES} more services" if len(names) > MAX_NAMES else shown


def _serves(decision: Decision, key: PoolKey) -> bool:
    return key in decision.pools and _serving(decision.pools[key])


def _serving(state: PoolState) -> bool:
    """Whether anything is left short of `all_down`."""
    return min(state.vectors, default=Level.ALL) < Level.ALL
