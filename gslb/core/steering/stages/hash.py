"""`hash`: equal shares, each client always on the same slot as long as it serves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gslb.core.steering.stages.equal import Equal


@dataclass(frozen=True, slots=True)
class Hash(Equal):
    kind: ClassVar[str] = "hash"
