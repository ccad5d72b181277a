"""Which coordinators a node talks to: those it was given, always, and those that coordinators tell it of."""

from __future__ import annotations

from collections.abc import Iterable

MAX_COORDINATORS = 9
"""That a node talks to. Reports go to each of them, and from each to every other one."""


class Known:
    """Addresses as `HOST:PORT`. `named`: given by the operator.

    What any of the streams that are up tells counts. Without one, what was told last stays: it is all there is to try.
    """

    def __init__(self, named: Iterable[str]) -> None:
        self._named = tuple(dict.fromkeys(named))
        self._last = frozenset[str]()
        self._told: dict[str, frozenset[str]] = {}

    @property
    def learnt(self) -> frozenset[str]:
        """What was told, whether or not it was named too."""
        return frozenset().union(*self._told.values()) if self._told else self._last

    @property
    def addresses(self) -> tuple[str, ...]:
        """The named ones in their order, then others; at most MAX_COORDINATORS."""
        others = sorted(self.learnt.difference(self._named))
        return (*self._named, *others)[: max(MAX_COORDINATORS, len(self._named))]

    def remember(self, learnt: Iterable[str]) -> None:
        """What was known before a restart; counts until somebody tells."""
        self._last = frozenset(learnt)

    def tell(self, by: str, addresses: Iterable[str]) -> None:
        """The coordinator at `by` says that these are all there are."""
        self._told[by] = frozenset(addresses)
        self._last = self.learnt

    def lose(self, by: str) -> None:
        """The stream to the coordinator at `by` has ended."""
        self._told.pop(by, None)
        self._last = self.learnt
