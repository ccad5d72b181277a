"""Steering stages by kind: one file a stage, one line here."""

from __future__ import annotations

from gslb.core.errors import InvalidSnapshot
from gslb.core.stages.base import Stage
from gslb.core.stages.geo import Geo
from gslb.core.stages.hash import Hash
from gslb.core.stages.nearest import Nearest
from gslb.core.stages.priority import Priority
from gslb.core.stages.round_robin import RoundRobin
from gslb.core.stages.weighted import Weighted

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
