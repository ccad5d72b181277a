"""What one record of a geo database says about a place, and how two opinions about a place become one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gslb.core.model import OwnPrefix
from gslb.core.place import Place
from gslb.geo.countries import CONTINENTS, COUNTRIES

Path = tuple[str | int, ...]
"""Keys of maps one in the other; a number counts a list's items."""

_Paths = tuple[Path, ...]
"""Where to look, first to last."""

_CONTINENT: _Paths = (("continent", "code"), ("continent_code",), ("continent",))
_COUNTRY: _Paths = (("country", "iso_code"), ("country_code",), ("country",), ("registered_country", "iso_code"))
_SUBDIVISION: _Paths = (("subdivisions", 0, "iso_code"), ("state1",), ("region_code",))
_CITY: _Paths = (("city", "names", "en"), ("city",))
_ASN: _Paths = (("autonomous_system_number",), ("asn",))
_LATITUDE: _Paths = (("location", "latitude"), ("latitude",))
_LONGITUDE: _Paths = (("location", "longitude"), ("longitude",))


PATHS = tuple(dict.fromkeys((*_CONTINENT, *_COUNTRY, *_SUBDIVISION, *_CITY, *_ASN, *_LATITUDE, *_LONGITUDE)))
"""All places in a record that say something about where it is."""

Found = Mapping[Path, str | float | int | None]
"""What stands at the end of each of PATHS."""


def place_from(record: object) -> Place:
    """Read the nested layout of GeoIP2, GeoLite2 and DB-IP, or the flat one of ip-location-db and others."""
    return place_of({path: _at(record, path) for path in PATHS})


def place_of(found: Found) -> Place:
    """What is missing or makes no sense is not known.

    So is a subdivision's name, because rules go by its ISO 3166-2 code.
    """
    country = _code(found, _COUNTRY, COUNTRIES)
    latitude, longitude = _degrees(found, _LATITUDE, 90), _degrees(found, _LONGITUDE, 180)
    subdivision = _text(found, _SUBDIVISION).upper().removeprefix(f"{country}-")
    return Place(
        continent=_code(found, _CONTINENT, CONTINENTS) or (COUNTRIES[country].continent if country else ""),
        country=country,
        subdivision=subdivision if len(subdivision) <= 3 and subdivision.isalnum() and subdivision.isascii() else "",
        city=_text(found, _CITY),
        asn=_asn(found),
        latitude=latitude if longitude is not None else None,
        longitude=longitude if latitude is not None else None,
    )


def completed(first: Place, second: Place) -> Place:
    """`first`, with what only `second` knows; of two that name different countries `second` gives its ASN alone."""
    first = replace(first, asn=first.asn or second.asn)
    if (first.country and second.country and first.country != second.country) or not _is_located(second):
        return first
    located = first.latitude is not None
    return replace(
        first,
        continent=first.continent or second.continent,
        country=first.country or second.country,
        subdivision=first.subdivision or second.subdivision,
        city=first.city or second.city,
        latitude=first.latitude if located else second.latitude,
        longitude=first.longitude if located else second.longitude,
    )


def with_centre(place: Place) -> Place:
    """A place known by its country alone stands at that country's centre."""
    if place.latitude is not None or not place.country:
        return place
    centre = COUNTRIES[place.country]
    return replace(place, latitude=centre.latitude, longitude=centre.longitude)


def owned(place: Place, own: OwnPrefix) -> Place:
    """What the user says about a prefix beats the database; a country given replaces the whole place but the ASN."""
    if own.country is not None:
        country = COUNTRIES.get(own.country)
        continent = country.continent if country is not None else ""
        place = Place(continent=continent, country=own.country if country is not None else "", asn=place.asn)
    if own.location is not None:
        place = replace(place, latitude=own.location.latitude, longitude=own.location.longitude)
    return replace(with_centre(place), tags=tuple(sorted(own.tags)), own=True)


def _is_located(place: Place) -> bool:
    return bool(place.country or place.continent or place.city or place.latitude is not None)


def _at(record: object, path: Path) -> str | float | int | None:
    """The text or number at the end of a path, where there is one."""
    value = record
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value if isinstance(value, str | float | int) and not isinstance(value, bool) else None


def _text(found: Found, paths: _Paths) -> str:
    texts = (value.strip() for path in paths if isinstance(value := found[path], str))
    return next(filter(None, texts), "")


def _code(found: Found, paths: _Paths, known: Mapping[str, object]) -> str:
    texts = (value.strip().upper() for path in paths if isinstance(value := found[path], str))
    return next((text for text in texts if text in known), "")


def _degrees(found: Found, paths: _Paths, most: int) -> float | None:
    for value in (found[path] for path in paths):
        try:
            degrees = float("nan" if value is None else value)
        except (ValueError, OverflowError):
            continue
        if -most <= degrees <= most:
            return degrees
    return None


def _asn(found: Found) -> int:
    """A number, or text as in AS64496."""
    for value in (found[path] for path in _ASN):
        digits = str(value).upper().removeprefix("AS")
        if digits.isascii() and digits.isdigit() and int(digits) < 1 << 32:
            return int(digits)
    return 0
