"""Geo databases: one or several MaxMind DB files and the user's own prefixes, read into a GeoTable.

Any country, city or ASN file in that format will do. Where several are given, what the first does not know is taken
from the next, so that a city and an ASN file complete each other.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from ipaddress import IPv4Address, IPv6Address
from itertools import chain
from pathlib import Path

import maxminddb

from gslb import native
from gslb.core.classes.maps import GeoTable, PlaceRanges
from gslb.core.classes.ranges import EVERYWHERE, longest_match
from gslb.core.errors import GslbError
from gslb.core.model import OwnPrefix
from gslb.core.place import NOWHERE, Place
from gslb.core.snapshot import CLASS_V4_BITS, CLASS_V6_BITS, ECS_V4_BITS, ECS_V6_BITS, RangeMap
from gslb.geo import records, tree
from gslb.geo.places import completed, owned, with_centre

_DAMAGE = (maxminddb.InvalidDatabaseError, ValueError, IndexError, KeyError, TypeError, OverflowError, struct.error)
"""What reading a damaged file may raise, with maxminddb's native reader and without it."""


class GeoError(GslbError):
    """A geo database cannot be used."""

    code = "geo"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"geo database {path}: {reason}; give a country, city or ASN file in MaxMind DB format (.mmdb), or none to "
            "use the country database that comes with this program"
        )
        self.path = path
        self.reason = reason


def read(paths: Sequence[Path], own: tuple[OwnPrefix, ...]) -> GeoTable:
    """Read and overlay `paths` (none: the bundled country database), put `own` on top. Raises GeoError."""
    places = _Places()
    table = _read_all(paths, places) if paths else _read_bundled(places)
    places.centre()
    return GeoTable(
        v4=places.own(table.v4, own, 4, CLASS_V4_BITS),
        v6=places.own(table.v6, own, 6, CLASS_V6_BITS),
        ecs_v4=places.own(native.coarsened(table.v4, ECS_V4_BITS, CLASS_V4_BITS), own, 4, ECS_V4_BITS),
        ecs_v6=places.own(native.coarsened(table.v6, ECS_V6_BITS, CLASS_V6_BITS), own, 6, ECS_V6_BITS),
        places=places.all(),
    )


@dataclass(frozen=True, slots=True)
class _Table:
    v4: PlaceRanges
    v6: PlaceRanges


class _Places:
    """The places met so far, each once, by number."""

    def __init__(self) -> None:
        self._places: list[Place] = []
        self._numbers: dict[Place, int] = {}

    def number(self, place: Place) -> int:
        number = self._numbers.setdefault(place, len(self._places))
        if number == len(self._places):
            self._places.append(place)
        return number

    def all(self) -> tuple[Place, ...]:
        return tuple(self._places)

    def are_nowhere(self, table: _Table) -> bool:
        """Whether nothing is known about any address of this table."""
        found = chain(native.firsts(table.v4).classes, native.firsts(table.v6).classes)
        return all(self._places[place] == NOWHERE for place in found)

    def complete(self, first: PlaceRanges, second: PlaceRanges) -> PlaceRanges:
        known = self._places
        return native.overlay(first, second, lambda one, other: self.number(completed(known[one], known[other])))

    def centre(self) -> None:
        """Give every place known by its country alone that country's centre, once all databases are read."""
        self._places = [with_centre(place) for place in self._places]
        self._numbers = {place: number for number, place in reversed(list(enumerate(self._places)))}

    def own(self, ranges: PlaceRanges, own: tuple[OwnPrefix, ...], version: int, longest: int) -> PlaceRanges:
        """`ranges` with the user's prefixes of at most `longest` bits on top, the longest match counting."""
        prefixes = [one for one in own if one.network.version == version and one.network.prefixlen <= longest]
        if not prefixes:
            return ranges
        cuts = longest_match(
            [(int(one.network.network_address), one.network.prefixlen) for one in prefixes],
            CLASS_V4_BITS if version == 4 else CLASS_V6_BITS,
        )
        return native.overlay(
            ranges,
            cuts,
            lambda place, match: self.number(owned(self._places[place], prefixes[match - 1])) if match else place,
        )


def _read_bundled(places: _Places) -> _Table:
    with as_file(files("gslb.geo") / "data" / "country.mmdb") as path:
        return _read_one(path, places)


def _read_all(paths: Sequence[Path], places: _Places) -> _Table:
    tables = [_read_one(path, places) for path in paths]
    table = tables[0]
    for other in tables[1:]:
        table = _Table(places.complete(table.v4, other.v4), places.complete(table.v6, other.v6))
    return table


def _read_one(path: Path, places: _Places) -> _Table:
    try:
        before = _version(path)
        content = path.read_bytes()
        if not content:
            raise GeoError(path, "it is empty")
        with records.opened(path, content) as opened:
            table = _read_content(content, opened, places)
        if _version(path) != before:
            raise GeoError(path, "it changed while it was read: try again")
    except OSError as error:
        raise GeoError(path, f"it cannot be read ({error.strerror or error})") from None
    except tree.BadTree as error:
        raise GeoError(path, str(error)) from None
    except _DAMAGE as error:
        raise GeoError(path, "it is not in MaxMind DB format, or it is damaged") from error
    if places.are_nowhere(table):
        raise GeoError(path, "it holds neither countries, cities, coordinates nor AS numbers")
    return table


def _read_content(content: bytes, opened: records.Records, places: _Places) -> _Table:
    v4, v6 = tree.cut(content, *opened.shape)
    numbers = {0: places.number(NOWHERE)}
    for ranges, address in ((v4, IPv4Address), (v6, IPv6Address)):
        firsts = native.firsts(ranges)
        for start, record in zip(firsts.starts, firsts.classes, strict=True):
            if record not in numbers:
                numbers[record] = places.number(opened.place(record, address(start)))
    return _Table(_renumbered(v4, numbers), _renumbered(v6, numbers))


def _renumbered(ranges: RangeMap, numbers: Mapping[int, int]) -> PlaceRanges:
    return native.overlay(ranges, EVERYWHERE, lambda record, _: numbers[record])


def _version(path: Path) -> tuple[int, int, int]:
    """What changes when a file is replaced or rewritten."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns
