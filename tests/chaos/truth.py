"""What is true of the members at each moment, as who breaks them knows, and which answers are right then."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf


class Phase(StrEnum):
    """UP: must be answered. COMING: may be. DOWN: must not be, from the moment it went."""

    UP = "up"
    COMING = "coming"
    DOWN = "down"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A web server. `name`: also of its process."""

    name: str
    site: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """Addresses that an answer must and may have; with `may` empty it may have any."""

    must: frozenset[str]
    may: frozenset[str]


@dataclass(slots=True)
class Truth:
    """Times are of the monotonic clock, in seconds, and never fall from one call to the next."""

    members: Sequence[Member]
    _changes: dict[str, list[tuple[float, Phase]]] = field(default_factory=dict)
    _ended: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    _away: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def tell(self, members: Iterable[Member], phase: Phase, at_s: float) -> None:
        for member in members:
            self._changes.setdefault(member.address, []).append((at_s, phase))

    def phase(self, member: Member) -> Phase:
        changes = self._changes.get(member.address)
        return changes[-1][1] if changes else Phase.COMING

    def excuse(self, dns_server: str, from_s: float, to_s: float) -> None:
        """It was ended meanwhile: its clients ask the other one, queries that it did not answer are not lost."""
        self._ended.setdefault(dns_server, []).append((from_s, to_s))

    def is_excused(self, dns_server: str, from_s: float, to_s: float) -> bool:
        return _overlap(self._ended.get(dns_server, ()), from_s, to_s) or self.is_away(dns_server, from_s, to_s)

    def leave(self, dns_server: str, at_s: float) -> None:
        """From now on it is known to be useless: nobody asks it, nothing that it says counts."""
        self._away.setdefault(dns_server, []).append((at_s, inf))

    def back(self, dns_server: str, at_s: float) -> None:
        begun_s, _ = self._away[dns_server].pop()
        self._away[dns_server].append((begun_s, at_s))

    def is_away(self, dns_server: str, from_s: float, to_s: float) -> bool:
        return _overlap(self._away.get(dns_server, ()), from_s, to_s)

    def right(self, sites: Sequence[str], from_s: float, to_s: float) -> Right:
        """Of clients who go to the first of these sites that serves; whatever was true between question and answer."""
        may: set[str] = set()
        for site in sites:
            phases = self._phases(site, from_s, to_s)
            must = {address for address, found in phases.items() if found == {Phase.UP}}
            earlier, may = bool(may), may | {address for address, found in phases.items() if found != {Phase.DOWN}}
            if must:
                return Right(must=frozenset() if earlier else frozenset(must), may=frozenset(may))
        return Right(must=frozenset(), may=frozenset(may))

    def gone_for(self, addresses: Iterable[str], from_s: float, to_s: float) -> float | None:
        """Seconds, at `to_s`, since the last of them went; None if one of them is not gone at all, or is nobody's."""
        since = [self._gone_since(address, from_s, to_s) for address in addresses]
        return None if None in since else to_s - max(at_s for at_s in since if at_s is not None)

    def _gone_since(self, address: str, from_s: float, to_s: float) -> float | None:
        if self._between(address, from_s, to_s) != {Phase.DOWN}:
            return None
        return max(at_s for at_s, _ in self._changes[address] if at_s <= from_s)

    def _phases(self, site: str, from_s: float, to_s: float) -> Mapping[str, set[Phase]]:
        return {one.address: self._between(one.address, from_s, to_s) for one in self.members if one.site == site}

    def _between(self, address: str, from_s: float, to_s: float) -> set[Phase]:
        changes = self._changes.get(address, ())
        first = bisect_right(changes, from_s, key=lambda change: change[0]) - 1
        found = {phase for at_s, phase in changes[max(first, 0) :] if at_s <= to_s}
        return found | {Phase.COMING} if first < 0 else found


def _overlap(intervals: Iterable[tuple[float, float]], from_s: float, to_s: float) -> bool:
    return any(begun_s <= to_s and from_s <= ended_s for begun_s, ended_s in intervals)
