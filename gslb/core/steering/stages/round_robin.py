"""`round_robin`: equal shares for every slot that is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gslb.core.steering.stages.equal import Equal


@dataclass(frozen=True, slots=True)
class RoundRobin(Equal):
    kind: ClassVar[str] = "round_robin"
