"""Names of one kind: each may stand once, and a reference to one that does not exist names the nearest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from gslb.config.problems import Mark, Problems, did_you_mean

T = TypeVar("T")


@dataclass(slots=True)
class Registry(Generic[T]):
    """`broken`: names that exist but could not be read, so that references to them are no further errors."""

    kind: str
    problems: Problems
    broken: frozenset[str] = frozenset()
    _found: dict[str, tuple[T, Mark]] = field(default_factory=dict)

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
            hint = did_you_mean(name, {*self._found, *self.broken}) or ": none is configured, add it"
            self.problems.error(mark, f"no {self.kind} `{name}`{hint}")
        return None

    def get(self, name: str) -> T | None:
        return self._found[name][0] if name in self._found else None

    def mark(self, name: str) -> Mark:
        return self._found[name][1]

    def values(self) -> tuple[T, ...]:
        return tuple(value for value, _ in self._found.values())
