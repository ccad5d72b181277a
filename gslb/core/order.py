"""The order that never falls on any node: (incarnation of the store, configuration revision, directive revision)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Order:
    incarnation: int = 0
    config: int = 0
    directive: int = 0

    def is_of_snapshot(self, other: Order) -> bool:
        """Whether both have the same snapshot, whatever the directives."""
        return (self.incarnation, self.config) == (other.incarnation, other.config)

    def __str__(self) -> str:
        return f"{self.incarnation}.{self.config}.{self.directive}"
