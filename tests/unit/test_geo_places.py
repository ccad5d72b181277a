"""Records of the layouts that are in use, and opinions about a place put together."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest

from gslb.core.model import Location, OwnPrefix
from gslb.core.place import NOWHERE, Place
from gslb.geo.countries import COUNTRIES
from gslb.geo.places import completed, owned, place_from, with_centre

GEOLITE_CITY = {
    "city": {"geoname_id": 1, "names": {"de": "München", "en": "Munich"}},
    "continent": {"code": "EU", "names": {"en": "Europe"}},
    "country": {"iso_code": "DE", "names": {"en": "Germany"}},
    "location": {"accuracy_radius": 10, "latitude": 48.1, "longitude": 11.6, "time_zone": "Europe/Berlin"},
    "registered_country": {"iso_code": "US"},
    "subdivisions": [{"iso_code": "BY", "names": {"en": "Bavaria"}}],
}
MUNICH = Place(continent="EU", country="DE", subdivision="BY", city="Munich", latitude=48.1, longitude=11.6)

LAYOUTS: dict[str, tuple[object, Place]] = {
    "GeoLite2 City": (GEOLITE_CITY, MUNICH),
    "GeoLite2 Country": (
        {"continent": {"code": "EU"}, "country": {"iso_code": "NO"}},
        Place(continent="EU", country="NO"),
    ),
    "GeoLite2 ASN": (
        {"autonomous_system_number": 64496, "autonomous_system_organization": "Example"},
        Place(asn=64496),
    ),
    "registered country only": (
        {"registered_country": {"iso_code": "JP"}},
        Place(continent="AS", country="JP"),
    ),
    "DB-IP, whose subdivisions have no code": (
        {"continent": {"code": "NA"}, "country": {"iso_code": "US"}, "subdivisions": [{"names": {"en": "California"}}]},
        Place(continent="NA", country="US"),
    ),
    "ip-location-db country": ({"country_code": "GB"}, Place(continent="EU", country="GB")),
    "ip-location-db city": (
        {"city": "Oslo", "country_code": "NO", "latitude": 59.9, "longitude": 10.7, "postcode": None, "state1": "Oslo"},
        Place(continent="EU", country="NO", city="Oslo", latitude=59.9, longitude=10.7),
    ),
    "ip-location-db ASN": (
        {"autonomous_system_number": "64497", "autonomous_system_organization": "Example"},
        Place(asn=64497),
    ),
    "flat with text": (
        {"continent_code": "EU", "country_code": "de", "asn": "AS64498", "latitude": "48.1", "longitude": "11.6"},
        Place(continent="EU", country="DE", asn=64498, latitude=48.1, longitude=11.6),
    ),
    "subdivision with its country": (
        {"country_code": "US", "region_code": "US-CA"},
        Place(continent="NA", country="US", subdivision="CA"),
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_reads(layout: str) -> None:
    record, place = LAYOUTS[layout]
    assert place_from(record) == place


NONSENSE: list[object] = [
    None,
    "text",
    7,
    [],
    {},
    {"country": None},
    {"country": {"iso_code": "ZZ"}},
    {"country_code": 49},
    {"subdivisions": []},
    {"subdivisions": "CA"},
    {"autonomous_system_number": -1},
    {"autonomous_system_number": 1 << 32},
    {"autonomous_system_number": "AS"},
    {"location": {"latitude": 91, "longitude": 0}},
    {"location": {"latitude": float("nan"), "longitude": 0}},
    {"location": {"latitude": 48.1}},
    {"latitude": "north", "longitude": "east"},
    {"city": {"names": {"en": 7}}},
]


@pytest.mark.parametrize("record", NONSENSE, ids=repr)
def test_what_makes_no_sense_is_not_known(record: object) -> None:
    assert place_from(record) == NOWHERE


def test_a_second_database_adds_what_the_first_does_not_know() -> None:
    assert completed(MUNICH, Place(asn=64496)) == replace(MUNICH, asn=64496)
    assert completed(Place(asn=64496), MUNICH) == replace(MUNICH, asn=64496)
    assert completed(Place(continent="EU", country="DE"), MUNICH) == MUNICH
    assert completed(MUNICH, NOWHERE) == MUNICH
    assert completed(NOWHERE, MUNICH) == MUNICH


def test_a_second_database_that_means_another_country_adds_no_city_of_that() -> None:
    france = Place(continent="EU", country="FR")
    assert completed(france, replace(MUNICH, asn=64496)) == replace(france, asn=64496)


def test_a_country_alone_stands_at_its_centre() -> None:
    placed = with_centre(Place(continent="EU", country="NO"))
    assert (placed.latitude, placed.longitude) == (COUNTRIES["NO"].latitude, COUNTRIES["NO"].longitude)
    assert with_centre(MUNICH) == MUNICH
    assert with_centre(NOWHERE) == NOWHERE


def own(country: str | None = None, location: Location | None = None) -> OwnPrefix:
    tags = (("tier", "gold"), ("office", "oslo"))
    return OwnPrefix(network=ip_network("10.0.0.0/8"), tags=tags, country=country, location=location)


def test_own_tags_leave_the_place_as_it_is() -> None:
    placed = owned(MUNICH, own())
    assert placed == replace(MUNICH, tags=(("office", "oslo"), ("tier", "gold")), own=True)


def test_an_own_country_replaces_the_place_but_not_the_asn() -> None:
    placed = owned(replace(MUNICH, asn=64496), own(country="NO"))
    assert (placed.continent, placed.country, placed.subdivision, placed.city) == ("EU", "NO", "", "")
    assert placed.asn == 64496
    assert placed.latitude == COUNTRIES["NO"].latitude


def test_an_own_location_moves_the_place() -> None:
    placed = owned(MUNICH, own(location=Location(latitude=1.0, longitude=2.0)))
    assert (placed.latitude, placed.longitude, placed.city) == (1.0, 2.0, "Munich")
