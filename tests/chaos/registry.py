"""Scenarios: functions that break a world, each with what it is called and what must hold."""

from __future__ import annotations

import pkgutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib import import_module

from chaos.trials import Limits, Trials
from chaos.world import World

Body = Callable[[World, Trials], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """`within_s`: what it takes at most, else it has failed."""

    name: str
    fault: str
    limits: Limits
    within_s: float
    body: Body


AT_ONCE = Limits(median_s=0.1, p99_s=0.5)
"""As fast as without any other fault than the server's."""
NONE_WRONG = Limits()
"""No time is asked for; no answer may be lost or false."""
_known: list[Scenario] = []


def scenario(fault: str, *, limits: Limits = NONE_WRONG, within_s: float = 120.0) -> Callable[[Body], Body]:
    """Makes the function a scenario. `fault`: what is broken, as the table says it."""

    def register(body: Body) -> Body:
        name = body.__name__.replace("_", "-")
        _known.append(Scenario(name=name, fault=fault, limits=limits, within_s=within_s, body=body))
        return body

    return register


def scenarios(only: Sequence[str] = ()) -> list[Scenario]:
    """By their files' names; those whose names contain one of these words, or all."""
    package = import_module("chaos.scenarios")
    for module in pkgutil.iter_modules(package.__path__):
        import_module(f"chaos.scenarios.{module.name}")
    return [one for one in _known if not only or any(word in one.name for word in only)]
