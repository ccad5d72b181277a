"""Files in MaxMind DB format, whole and damaged, overlaid and with the user's own prefixes on top."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path
from random import Random

import pytest
from mmdb_writer import MMDBType, MMDBWriter
from netaddr import IPSet

from gslb.core.classes.maps import GeoTable, place_of
from gslb.core.classes.ranges import find
from gslb.core.model import Location, OwnPrefix
from gslb.core.place import NOWHERE, Place
from gslb.geo.countries import COUNTRIES
from gslb.geo.database import GeoError, read


def write(path: Path, content: Mapping[str, MMDBType], version: int = 6) -> Path:
    """A database of these networks."""
    writer = MMDBWriter(ip_version=version, ipv4_compatible=version == 6, database_type="test")
    for network, record in content.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(path))
    return path


def country(code: str) -> MMDBType:
    return {"country_code": code}


def own(prefix: str, country: str | None = None, **tags: str) -> OwnPrefix:
    return OwnPrefix(network=ip_network(prefix), tags=tuple(tags.items()), country=country, location=None)


def where(table: GeoTable, address: str) -> Place:
    return place_of(table, ip_address(address))


def where_ecs(table: GeoTable, address: str) -> Place:
    """The place by which a client behind a resolver is known."""
    parsed = ip_address(address)
    return table.places[find(table.ecs_v4 if parsed.version == 4 else table.ecs_v6, int(parsed)).cls]


@pytest.mark.parametrize("version", [4, 6])
def test_reads_networks_of_either_version(tmp_path: Path, version: int) -> None:
    content = {"192.0.2.0/24": country("DE"), "198.51.100.0/25": country("FR")}
    table = read([write(tmp_path / "c.mmdb", content, version)], ())
    assert where(table, "192.0.2.255").country == "DE"
    assert where(table, "198.51.100.127").country == "FR"
    assert where(table, "198.51.100.128") == NOWHERE
    assert where(table, "2001:db8::1") == NOWHERE


def test_reads_ipv6(tmp_path: Path) -> None:
    table = read([write(tmp_path / "c.mmdb", {"2001:db8::/32": country("SE"), "10.0.0.0/8": country("US")})], ())
    assert where(table, "2001:db8:ffff::1").country == "SE"
    assert where(table, "2001:db9::") == NOWHERE
    assert where(table, "10.1.2.3").country == "US"
    assert where(table, "::a01:203") == NOWHERE


def test_a_country_without_coordinates_stands_at_its_centre(tmp_path: Path) -> None:
    place = where(read([write(tmp_path / "c.mmdb", {"192.0.2.0/24": country("NO")})], ()), "192.0.2.1")
    assert (place.continent, place.latitude) == ("EU", COUNTRIES["NO"].latitude)


def test_databases_complete_each_other_field_by_field(tmp_path: Path) -> None:
    city = {"country": {"iso_code": "DE"}, "location": {"latitude": 48.1, "longitude": 11.6}}
    cities = write(tmp_path / "city.mmdb", {"192.0.2.0/24": city})
    systems = write(
        tmp_path / "asn.mmdb", {"192.0.2.128/25": {"autonomous_system_number": 64496}, "10.0.0.0/8": {"asn": 7}}
    )
    for order in ([cities, systems], [systems, cities]):
        table = read(order, ())
        assert (where(table, "192.0.2.1").country, where(table, "192.0.2.1").asn) == ("DE", 0)
        assert (where(table, "192.0.2.200").country, where(table, "192.0.2.200").asn) == ("DE", 64496)
        assert where(table, "192.0.2.200").latitude == 48.1
        assert (where(table, "10.0.0.1").country, where(table, "10.0.0.1").asn) == ("", 7)


def test_coordinates_of_a_second_database_beat_the_centre_of_the_country(tmp_path: Path) -> None:
    countries = write(tmp_path / "country.mmdb", {"192.0.2.0/24": country("US")})
    city = {"country_code": "US", "latitude": 47.6, "longitude": -122.3}
    cities = write(tmp_path / "city.mmdb", {"192.0.2.0/24": city})
    assert where(read([countries, cities], ()), "192.0.2.1").latitude == 47.6


def test_a_block_that_the_database_cuts_is_where_most_of_it_is(tmp_path: Path) -> None:
    content = {"192.0.2.0/26": country("DE"), "192.0.2.64/26": country("FR"), "192.0.2.128/25": country("FR")}
    table = read([write(tmp_path / "c.mmdb", content)], ())
    assert where(table, "192.0.2.1").country == "DE"
    assert where_ecs(table, "192.0.2.1").country == "FR"


def test_own_prefixes_beat_the_database_and_the_longest_of_them_counts(tmp_path: Path) -> None:
    path = write(tmp_path / "c.mmdb", {"10.0.0.0/8": country("US")})
    table = read([path], (own("10.0.0.0/8", office="berlin"), own("10.1.0.0/16", country="NO", office="oslo")))
    berlin, oslo = where(table, "10.0.0.1"), where(table, "10.1.0.1")
    assert (berlin.country, berlin.tags, berlin.own) == ("US", (("office", "berlin"),), True)
    assert (oslo.country, oslo.tags, oslo.own) == ("NO", (("office", "oslo"),), True)
    assert where_ecs(table, "10.1.0.1") == oslo


def test_own_prefixes_longer_than_ecs_knows_count_for_full_addresses_only(tmp_path: Path) -> None:
    path = write(tmp_path / "c.mmdb", {"10.0.0.0/8": country("US")})
    prefixes = (own("10.0.0.0/24", room="a"), own("10.0.0.128/25", room="b"), own("2001:db8::/57", room="c"))
    table = read([path], prefixes)
    assert where(table, "10.0.0.129").tags == (("room", "b"),)
    assert where_ecs(table, "10.0.0.129").tags == (("room", "a"),)
    assert where(table, "2001:db8::1").own
    assert not where_ecs(table, "2001:db8::1").own


def test_an_own_location_is_used_where_no_database_knows_anything(tmp_path: Path) -> None:
    path = write(tmp_path / "c.mmdb", {"10.0.0.0/8": country("US")})
    spot = OwnPrefix(
        network=ip_network("fd00::/8"), tags=(), country=None, location=Location(latitude=1.5, longitude=2.5)
    )
    assert where(read([path], (spot,)), "fd00::1").longitude == 2.5


def test_reading_twice_gives_the_same(tmp_path: Path) -> None:
    path = write(tmp_path / "c.mmdb", {f"10.{i}.0.0/16": country(code) for i, code in enumerate(sorted(COUNTRIES))})
    prefixes = (own("10.1.2.0/23", room="a"),)
    assert read([path], prefixes) == read([path], prefixes)


def test_the_bundled_database_knows_the_world() -> None:
    table = read([], ())
    assert len({place.country for place in table.places}) > 200
    assert where(table, "193.0.6.139").country == "NL"
    assert where(table, "200.160.2.3").country == "BR"
    assert where(table, "2001:67c:2e8::1").country == "NL"
    assert where(table, "127.0.0.1") == NOWHERE


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(GeoError, match=r"no\.mmdb: it cannot be read \(No such file or directory\); give"):
        read([tmp_path / "no.mmdb"], ())


def test_a_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(GeoError, match="it cannot be read"):
        read([tmp_path], ())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"country,network\n", "not in MaxMind DB format"),
        (bytes(1000), "not in MaxMind DB format"),
        (b"\xab\xcd\xefMaxMind.com", "not in MaxMind DB format"),
    ],
)
def test_what_is_no_database_says_so(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "c.mmdb"
    path.write_bytes(content)
    with pytest.raises(GeoError, match=reason) as caught:
        read([path], ())
    assert caught.value.path == path


def test_a_database_of_something_else_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "anonymous.mmdb", {"192.0.2.0/24": {"is_anonymous": True}})
    with pytest.raises(GeoError, match="neither countries"):
        read([path], ())


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    whole = write(tmp_path / "c.mmdb", {"192.0.2.0/24": country("DE")}).read_bytes()
    path = tmp_path / "short.mmdb"
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        with pytest.raises(GeoError):
            read([path], ())


def test_damage_is_refused_or_harmless(tmp_path: Path) -> None:
    content = {f"192.0.{i}.0/24": country(code) for i, code in enumerate(["DE", "FR", "SE"])}
    whole = write(tmp_path / "c.mmdb", content).read_bytes()
    path = tmp_path / "damaged.mmdb"
    chance = Random(7)
    refused = 0
    for _ in range(200):
        damaged = bytearray(whole)
        for _ in range(3):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        path.write_bytes(damaged)
        try:
            read([path], ())
        except GeoError:
            refused += 1
    assert refused > 0
