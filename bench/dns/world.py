"""What every server in the comparison serves: the same zone, the same steered names, the same rules by country.

Each name sends clients by continent to one of six pools, and those of eight countries to pools of their own. A pool is
one address, so that all servers can be compared on what they all do: name, client prefix, place, address.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gslb.geo.countries import COUNTRIES

ZONE = "bench.example"
NAME_SERVER = f"ns1.{ZONE}"
TTL_S = 20
SETS = 20
"""Names share this many sets of pools, as services of one company do."""
CONTINENTS = ("AF", "AS", "EU", "NA", "OC", "SA")
OWN = ("US", "CA", "BR", "DE", "GB", "JP", "IN", "AU")
"""Countries with a pool of their own."""
OTHERWISE = "NA"
"""Where Antarctica and clients of no known place go."""
PLACES = CONTINENTS + OWN


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """`names` steered names, and the folder of files that several servers read."""

    names: int

    def labels(self) -> Iterator[tuple[str, int]]:
        """Every name's label and the set of pools it uses."""
        for number in range(self.names):
            yield f"n{number:06}", number % SETS

    def expected(self, label: str, country: str) -> str:
        """The one right answer for a client in that country."""
        return address(int(label[1:]) % SETS, place_of(country))


def address(pools: int, place: str) -> str:
    """Of the pool at that place in that set."""
    return f"10.77.{pools}.{PLACES.index(place) + 1}"


def place_of(country: str) -> str:
    """The pool's place for clients in that country."""
    if country in OWN:
        return country
    continent = COUNTRIES[country].continent
    return continent if continent in CONTINENTS else OTHERWISE


def own_by_continent() -> Mapping[str, tuple[str, ...]]:
    """Countries with a pool of their own, by the continent they lie in."""
    return {here: tuple(code for code in OWN if COUNTRIES[code].continent == here) for here in CONTINENTS}


def zone_file(names: Mapping[str, str]) -> str:
    """The zone's own records, and the addresses of `names` (label to address) for those who cannot steer."""
    lines = [
        f"$ORIGIN {ZONE}.",
        f"$TTL {TTL_S}",
        f"@ SOA {NAME_SERVER}. hostmaster.{ZONE}. 1 7200 1800 259200 10",
        f"@ NS {NAME_SERVER}.",
        "ns1 A 127.0.0.1",
        *(f"{label} A {data}" for label, data in names.items()),
    ]
    return "\n".join(lines) + "\n"
