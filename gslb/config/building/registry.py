"""Names of one kind: each may stand once, and a reference to one that does not exist names the nearest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from gslb.config.limits import MAX_HINTS
from gslb.config.problems import Mark, Problems, did_you_mean

T = TypeVar("T")


@dataclass(slots=True)
class Registry(Generic[T]):
    """`broken`: names that exist but could not be read, so that references to them are no further errors."""

    kind: str
    problems: Problems
    broken: frozenset[str] = frozenset()
    _found: dict[str, tuple[T, Mark]] = field(default_factory=dict)
    _hints: int = 0

    def add(self, name: str, value: T, mark: Mark) -> None:
        """Keep the first of a name; report a second at `mark`."""
        if name in self._found:
            first = self._found[name][1]
            self.problems.error(mark, f"{self.kind} `{name}` stands twice, first at {first}: rename or remove one")
        else:
            self._found[name] = (value, mark)

    def find(self, name: str, mark: Mark) -> T | None:
        """What a reference at `mark` means, or None, reported unless the thing itself is broken."""
        if name in self._found:
            return self._found[name][0]
        if name not in self.broken:
            self.problems.error(mark, f"no {self.kind} `{name}`{self._hint(name)}")
        return None

    def _hint(self, name: str) -> str:
        """What was probably meant; looking for it costs much, so only the first misses are told."""
        self._hints += 1
        if self._hints > MAX_HINTS:
            return ": correct the name"
        return did_you_mean(name, {*self._found, *self.broken}) or ": none is configured, add it"

    def get(self, name: str) -> T | None:
        return self._found[name][0] if name in self._found else None

    def mark(self, name: str) -> Mark:
        return self._found[name][1]

    def values(self) -> tuple[T, ...]:
        return tuple(value for value, _ in self._found.values())
