"""The `match` of a geo rule: which clients it means, how specific it is, whether two rules claim the same clients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from gslb.core.errors import InvalidSnapshot
from gslb.core.place import Place
from gslb.core.steering.stages import parameters

Network = IPv4Network | IPv6Network
Specificity = tuple[int, int, int]
"""(most specific kind, prefix length where that is CIDR, number of kinds): the greater is the more specific."""

WORLD, CONTINENT, COUNTRY, SUBDIVISION, CITY, ASN, TAG, CIDR = range(8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Kinds are ANDed, values within a kind ORed; every tag name is a kind of its own. No kind at all: the world.

    `subdivisions` carry their country: `US-CA`. `tags`: (name, value) of the user's own prefixes.
    """

    continents: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    subdivisions: tuple[str, ...] = ()
    cities: tuple[str, ...] = ()
    asns: tuple[int, ...] = ()
    cidrs: tuple[Network, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()

    def covers(self, place: Place, cidr: Network | None) -> bool:
        """Whether a client at `place` is meant; `cidr`: the longest prefix of any rule that covers the client."""
        return (
            (not self.continents or place.continent in self.continents)
            and (not self.countries or place.country in self.countries)
            and (not self.subdivisions or f"{place.country}-{place.subdivision}" in self.subdivisions)
            and (not self.cities or place.city in self.cities)
            and (not self.asns or place.asn in self.asns)
            and (not self.cidrs or self._prefix(cidr) is not None)
            and all(not values.isdisjoint(_values(place.tags, name)) for name, values in self._tags())
        )

    def specificity(self, cidr: Network | None = None) -> Specificity:
        """CIDR by length > tag > ASN > city > subdivision > country > continent > world, then the number of kinds.

        `cidr` as for `covers`; without it a match with several prefixes ranks by its longest.
        """
        kinds = self._kinds()
        prefix = self._prefix(cidr) if cidr is not None else max(self.cidrs, key=_length, default=None)
        return max(kinds, default=WORLD), _length(prefix) if prefix is not None else 0, len(kinds)

    def overlaps(self, other: Match) -> bool:
        """Whether one client may be meant by both, as far as they say: a kind that one leaves open excludes nothing."""
        mine, theirs = dict(self._tags()), dict(other._tags())
        return (
            _meet(self.continents, other.continents)
            and _meet(self._all_countries(), other._all_countries())
            and _meet(self.subdivisions, other.subdivisions)
            and _meet(self.cities, other.cities)
            and _meet(self.asns, other.asns)
            and (not self.cidrs or not other.cidrs or any(_nested(a, b) for a in self.cidrs for b in other.cidrs))
            and all(_meet(mine[name], theirs[name]) for name in mine.keys() & theirs.keys())
        )

    def ambiguous_with(self, other: Match) -> bool:
        """Whether one client may be meant by both with equal specificity, so that nothing says which rule holds."""
        if not self.overlaps(other):
            return False
        if self.cidrs and other.cidrs:
            return len(self._kinds()) == len(other._kinds()) and not set(self.cidrs).isdisjoint(other.cidrs)
        return self.specificity() == other.specificity()

    def describe(self) -> str:
        """`country US or CA, ASN 3320`"""
        parts = [f"{word} {' or '.join(map(str, values))}" for _, _, word, values in self._single() if values]
        parts += [f"tag {name}={' or '.join(sorted(values))}" for name, values in self._tags()]
        return ", ".join(parts) or "world"

    def dump(self) -> Mapping[str, object]:
        """Kinds that say something, ready for JSON."""
        found: dict[str, object] = {name: values for _, name, _, values in self._single() if values}
        if self.cidrs:
            found["cidrs"] = [str(network) for network in self.cidrs]
        return found | {"tags": self.tags} if self.tags else found

    @classmethod
    def load(cls, value: object) -> Match:
        """Undo `dump`. Raises InvalidSnapshot."""
        found = parameters.mapping(value)
        return cls(
            continents=parameters.texts(found.get("continents", [])),
            countries=parameters.texts(found.get("countries", [])),
            subdivisions=parameters.texts(found.get("subdivisions", [])),
            cities=parameters.texts(found.get("cities", [])),
            asns=tuple(parameters.number(asn) for asn in parameters.items(found.get("asns", []))),
            cidrs=tuple(_load_network(text) for text in parameters.texts(found.get("cidrs", []))),
            tags=parameters.tags(found.get("tags", [])),
        )

    def _single(self) -> tuple[tuple[int, str, str, tuple[object, ...]], ...]:
        """(rank, field, word, values) of every kind but tags."""
        return (
            (CONTINENT, "continents", "continent", self.continents),
            (COUNTRY, "countries", "country", self.countries),
            (SUBDIVISION, "subdivisions", "subdivision", self.subdivisions),
            (CITY, "cities", "city", self.cities),
            (ASN, "asns", "ASN", self.asns),
            (CIDR, "cidrs", "prefix", self.cidrs),
        )

    def _kinds(self) -> list[int]:
        return [rank for rank, _, _, values in self._single() if values] + [TAG for _ in self._tags()]

    def _tags(self) -> list[tuple[str, frozenset[str]]]:
        return [(name, _values(self.tags, name)) for name in sorted({name for name, _ in self.tags})]

    def _all_countries(self) -> frozenset[str]:
        return frozenset(self.countries or (subdivision.partition("-")[0] for subdivision in self.subdivisions))

    def _prefix(self, cidr: Network | None) -> Network | None:
        """The longest of `cidrs` that holds `cidr`."""
        holding = (network for network in self.cidrs if cidr is not None and _within(cidr, network))
        return max(holding, key=_length, default=None)


def _values(tags: tuple[tuple[str, str], ...], name: str) -> frozenset[str]:
    return frozenset(value for found, value in tags if found == name)


def _meet(one: Iterable[object], other: Iterable[object]) -> bool:
    mine, theirs = frozenset(one), frozenset(other)
    return not mine or not theirs or not mine.isdisjoint(theirs)


def _length(network: Network) -> int:
    return network.prefixlen


def _within(inner: Network, outer: Network) -> bool:
    if isinstance(inner, IPv4Network):
        return isinstance(outer, IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, IPv6Network) and inner.subnet_of(outer)


def _nested(one: Network, other: Network) -> bool:
    return _within(one, other) or _within(other, one)


def _load_network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError:
        raise InvalidSnapshot(f"stage parameters: '{text[:80]}' is not a prefix") from None
