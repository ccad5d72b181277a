"""Cutting clients into the classes of each policy: prefixes that none of its stages can tell apart.

A class is a tuple of keys, one a stage. Two maps a family: `full` for a client's own address, `ecs` for an address that
is known by a /24 (/56) at most. Longer prefixes, of rules and of the user's own, do not count in the latter, and where
the database is finer than such a block the block is where most of it is (`coarsened`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from gslb.core.classes.ranges import EVERYWHERE, find, longest_match, overlay
from gslb.core.model import IPAddress, IPNetwork, Model, Policy, Site
from gslb.core.place import Place
from gslb.core.snapshot import CLASS_V4_BITS, CLASS_V6_BITS, ECS_V4_BITS, ECS_V6_BITS, ClassMap, RangeMap
from gslb.core.steering.stages.base import Key

PlaceRanges = RangeMap
"""A range map whose values are indexes into `GeoTable.places`."""

EARTH_RADIUS_KM = 6371.0

Overlay = Callable[[RangeMap, RangeMap, Callable[[int, int], int]], RangeMap]
Near = Mapping[str, int | None]
Point = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class GeoTable:
    """Where every prefix is. `ecs_*`: as far as a /24 or /56 tells, without own prefixes longer than that."""

    v4: PlaceRanges
    v6: PlaceRanges
    ecs_v4: PlaceRanges
    ecs_v6: PlaceRanges
    places: tuple[Place, ...]


def place_of(table: GeoTable, address: IPAddress) -> Place:
    """Where this very address is."""
    ranges = table.v4 if address.version == 4 else table.v6
    return table.places[find(ranges, int(address)).cls]


def class_maps(model: Model, table: GeoTable, overlay: Overlay = overlay) -> Mapping[str, ClassMap]:
    """The class map of every policy, by its name, in the model's order. `overlay`: one that gives the same, faster."""
    return {policy.name: _class_map(policy, table, _site_points(model, policy), overlay) for policy in model.policies}


def bound_sites(model: Model, policy: Policy) -> tuple[Site, ...]:
    """Sites of pools that services of this policy bind, by name: distances are measured to these."""
    pools = {pool.name: pool.site for pool in model.pools}
    bound = {pools[pool] for service in model.services if service.policy == policy.name for _, pool in service.bindings}
    return tuple(sorted((site for site in model.sites if site.name in bound), key=lambda site: site.name))


def _class_map(policy: Policy, table: GeoTable, sites: Mapping[str, Point | None], overlay: Overlay) -> ClassMap:
    classes = _Classes(policy, table.places, sites, overlay)
    full_v4 = classes.cut(table.v4, 4, CLASS_V4_BITS)
    full_v6 = classes.cut(table.v6, 6, CLASS_V6_BITS)
    ecs_v4 = classes.cut(table.ecs_v4, 4, ECS_V4_BITS)
    ecs_v6 = classes.cut(table.ecs_v6, 6, ECS_V6_BITS)
    unnamed = "all other clients" if len(classes.numbers) > 1 else "all clients"
    return ClassMap(
        keys=tuple(classes.numbers),
        labels=tuple(_label(policy, keys) or unnamed for keys in classes.numbers),
        ecs_v4=ecs_v4,
        ecs_v6=ecs_v6,
        full_v4=ecs_v4 if full_v4 == ecs_v4 else full_v4,
        full_v6=ecs_v6 if full_v6 == ecs_v6 else full_v6,
    )


def _label(policy: Policy, keys: tuple[Key, ...]) -> str:
    """What the stages say of this class; '' where none of them says anything."""
    said = [stage.describe(key) for stage, key in zip(policy.stages, keys, strict=True)]
    return "; ".join(text for text in said if text)


class _Classes:
    """Numbers the classes of one policy in the order in which they first appear by address, v4 before v6."""

    def __init__(
        self, policy: Policy, places: Sequence[Place], sites: Mapping[str, Point | None], overlay: Overlay
    ) -> None:
        self.numbers: dict[tuple[Key, ...], int] = {}
        self._policy = policy
        self._places = places
        self._sites = sites
        self._overlay = overlay
        self._distances = lru_cache(maxsize=1024)(self._measure)
        self._known: dict[_Match, dict[int, int]] = {}

    def cut(self, ranges: PlaceRanges, version: int, longest: int) -> RangeMap:
        """The class of every address of this family; prefixes of rules longer than `longest` bits do not count."""
        matches, cuts = _matches(self._policy, version, longest)
        return self._overlay(ranges, cuts, lambda place, match: self._number(place, matches[match]))

    def _number(self, place: int, match: _Match) -> int:
        known = self._known.setdefault(match, {})
        if place not in known:
            keys = self._keys(self._places[place], match)
            known[place] = self.numbers.setdefault(keys, len(self.numbers))
        return known[place]

    def _keys(self, place: Place, match: _Match) -> tuple[Key, ...]:
        near = self._distances(place.latitude, place.longitude)
        return tuple(
            stage.classify(place, network, near) for stage, network in zip(self._policy.stages, match, strict=True)
        )

    def _measure(self, latitude: float | None, longitude: float | None) -> Near:
        here = _point(latitude, longitude)
        return {site: _distance_km(here, there) for site, there in self._sites.items()}


_Match = tuple[IPNetwork | None, ...]
"""For each stage the longest of its prefixes that covers an address."""


def _matches(policy: Policy, version: int, longest: int) -> tuple[Sequence[_Match], RangeMap]:
    """The distinct matches of one family, and which of them holds where."""
    matches: Sequence[_Match] = ((),)
    cuts = EVERYWHERE
    for stage in policy.stages:
        known = {network for network in stage.cidrs() if network.version == version and network.prefixlen <= longest}
        networks = sorted(known, key=lambda network: (int(network.network_address), network.prefixlen))
        matches, cuts = _matched_too(matches, cuts, networks, CLASS_V4_BITS if version == 4 else CLASS_V6_BITS)
    return matches, cuts


def _matched_too(
    before: Sequence[_Match], cuts: RangeMap, networks: Sequence[IPNetwork], width: int
) -> tuple[Sequence[_Match], RangeMap]:
    """`before` and its `cuts` with the longest match among one more stage's `networks`."""
    matches: dict[_Match, int] = {}

    def join(held: int, match: int) -> int:
        network = networks[match - 1] if match else None
        return matches.setdefault((*before[held], network), len(matches))

    own = longest_match([(int(network.network_address), network.prefixlen) for network in networks], width)
    cuts = overlay(cuts, own, join)
    return tuple(matches), cuts


def _site_points(model: Model, policy: Policy) -> Mapping[str, Point | None]:
    """The points on the globe of `bound_sites`, by name."""
    return {
        site.name: _point(site.location.latitude, site.location.longitude) if site.location is not None else None
        for site in bound_sites(model, policy)
    }


def _point(latitude: float | None, longitude: float | None) -> Point | None:
    """The point on the unit sphere."""
    if latitude is None or longitude is None:
        return None
    north, east = math.radians(latitude), math.radians(longitude)
    return math.cos(north) * math.cos(east), math.cos(north) * math.sin(east), math.sin(north)


def _distance_km(here: Point | None, there: Point | None) -> int | None:
    """Great-circle distance in whole kilometres, from the chord between the points."""
    if here is None or there is None:
        return None
    return round(2 * EARTH_RADIUS_KM * math.asin(min(1.0, math.dist(here, there) / 2)))
