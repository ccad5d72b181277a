"""Jittered exponential back-off between attempts to reconnect."""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass(slots=True)
class Backoff:
    """Delays grow from `first_s` to `most_s`; each is drawn from the upper half, so that crowds spread out."""

    first_s: float = 0.2
    most_s: float = 30.0
    _next_s: float = field(default=0.0, init=False)

    def delay_s(self) -> float:
        """How long to wait before the next attempt."""
        self._next_s = min(self.most_s, self._next_s * 2 or self.first_s)
        return self._next_s * random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """To be called after a success."""
        self._next_s = 0.0
