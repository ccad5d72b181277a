"""The table of countries."""

from __future__ import annotations

from gslb.geo.countries import CONTINENTS, COUNTRIES

OFFICIAL_CODES = 249


def test_holds_every_country_once_and_kosovo() -> None:
    assert len(COUNTRIES) == OFFICIAL_CODES + 1
    assert "XK" in COUNTRIES
    assert all(code == country.code and len(code) == 2 and code.isupper() for code, country in COUNTRIES.items())
    assert len({country.name for country in COUNTRIES.values()}) == len(COUNTRIES)


def test_every_country_is_on_a_continent_that_has_a_name() -> None:
    assert {country.continent for country in COUNTRIES.values()} == set(CONTINENTS)


def test_points_lie_on_the_globe() -> None:
    for country in COUNTRIES.values():
        assert -90 <= country.latitude <= 90
        assert -180 <= country.longitude <= 180


def test_codes_that_a_careless_reader_takes_for_something_else_are_text() -> None:
    assert COUNTRIES["NA"].name == "Namibia"
    assert COUNTRIES["NO"].name == "Norway"
    assert COUNTRIES["NA"].continent == "AF"
