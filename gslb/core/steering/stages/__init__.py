"""Steering stages by kind: one file a stage, one line here."""

from __future__ import annotations

from gslb.core.errors import InvalidSnapshot
from gslb.core.steering.stages.base import Stage
from gslb.core.steering.stages.geo import Geo
from gslb.core.steering.stages.hash import Hash
from gslb.core.steering.stages.nearest import Nearest
from gslb.core.steering.stages.priority import Priority
from gslb.core.steering.stages.round_robin import RoundRobin
from gslb.core.steering.stages.weighted import Weighted

REGISTRY: dict[str, type[Stage]] = {
    stage.kind: stage
    for stage in (
        Geo,
        Nearest,
        Priority,
        Weighted,
        RoundRobin,
        Hash,
    )
}


def load(kind: str, text: str) -> Stage:
    """Undo `Stage.dump`. Raises InvalidSnapshot."""
    if kind not in REGISTRY:
        raise InvalidSnapshot(f"stage '{kind[:80]}' is not known to this version")
    return REGISTRY[kind].load(text)
