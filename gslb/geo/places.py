"""What one record of a geo database says about a place, and how two opinions about a place become one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from gslb.core.model import OwnPrefix
from gslb.core.place import Place
from gslb.geo.countries import CONTINENTS, COUNTRIES

_Paths = tuple[tuple[str | int, ...], ...]
"""Where to look, first to last: keys of maps one in the other; a number counts a list's items."""

_CONTINENT: _Paths = (("continent", "code"), ("continent_code",), ("continent",))
_COUNTRY: _Paths = (("country", "iso_code"), ("country_code",), ("country",), ("registered_country", "iso_code"))
_SUBDIVISION: _Paths = (("subdivisions", 0, "iso_code"), ("state1",), ("region_code",))
_CITY: _Paths = (("city", "names", "en"), ("city",))
_ASN: _Paths = (("autonomous_system_number",), ("asn",))
_LATITUDE: _Paths = (("location", "latitude"), ("latitude",))
_LONGITUDE: _Paths = (("location", "longitude"), ("longitude",))


def place_from(record: object) -> Place:
    """Read the nested layout of GeoIP2, GeoLite2 and DB-IP, or the flat one of ip-location-db and others.

    What is missing or makes no sense is not known; so is a subdivision's name, because rules go by its ISO 3166-2 code.
    """
    country = _code(record, _COUNTRY, COUNTRIES)
    latitude, longitude = _degrees(record, _LATITUDE, 90), _degrees(record, _LONGITUDE, 180)
    subdivision = _text(record, _SUBDIVISION).upper().removeprefix(f"{country}-")
    return Place(
        continent=_code(record, _CONTINENT, CONTINENTS) or (COUNTRIES[country].continent if country else ""),
        country=country,
        subdivision=subdivision if len(subdivision) <= 3 and subdivision.isalnum() and subdivision.isascii() else "",
        city=_text(record, _CITY),
        asn=_asn(record),
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


def _found(record: object, paths: _Paths) -> Iterator[object]:
    """What stands at each of `paths`, where something does."""
    for path in paths:
        value = record
        for step in path:
            if isinstance(value, dict):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                value = None
                break
        if value is not None:
            yield value


def _text(record: object, paths: _Paths) -> str:
    return next((value.strip() for value in _found(record, paths) if isinstance(value, str) and value.strip()), "")


def _code(record: object, paths: _Paths, known: Mapping[str, object]) -> str:
    texts = (value.strip().upper() for value in _found(record, paths) if isinstance(value, str))
    return next((text for text in texts if text in known), "")


def _degrees(record: object, paths: _Paths, most: int) -> float | None:
    for value in _found(record, paths):
        if isinstance(value, float | int | str):
            try:
                degrees = float(value)
            except (ValueError, OverflowError):
                continue
            if -most <= degrees <= most:
                return degrees
    return None


def _asn(record: object) -> int:
    """A number, or text as in AS64496."""
    for value in _found(record, _ASN):
        digits = str(value).upper().removeprefix("AS")
        if digits.isascii() and digits.isdigit() and int(digits) < 1 << 32:
            return int(digits)
    return 0
