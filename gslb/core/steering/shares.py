"""Weights scaled to shares that sum to 65,536: one rule for pools and members, the same on every node."""

from __future__ import annotations

from functools import lru_cache

from gslb.core.decision import WHOLE, Shares


@lru_cache(maxsize=8192)
def scale(weights: tuple[tuple[str, int], ...]) -> Shares:
    """Largest remainder, ties by name. Weights of one name add up; a share that rounds to 0 is left out."""
    total: dict[str, int] = {}
    for name, weight in weights:
        total[name] = total.get(name, 0) + weight
    whole = sum(total.values())
    if not whole:
        return ()
    floors = {name: weight * WHOLE // whole for name, weight in total.items()}
    by_remainder = sorted(total, key=lambda name: (-(total[name] * WHOLE % whole), name))
    for name in by_remainder[: WHOLE - sum(floors.values())]:
        floors[name] += 1
    return tuple((name, floors[name]) for name in sorted(floors) if floors[name])
