"""Countries and continents: codes, English names, and the point that stands for a country known by its code alone."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType

CONTINENTS: Mapping[str, str] = MappingProxyType(
    {
        "AF": "Africa",
        "AN": "Antarctica",
        "AS": "Asia",
        "EU": "Europe",
        "NA": "North America",
        "OC": "Oceania",
        "SA": "South America",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Country:
    """`code`: ISO 3166-1 alpha-2. The point is about where its people live, in degrees, north and east positive."""

    code: str
    name: str
    continent: str
    latitude: float
    longitude: float


def _read() -> Mapping[str, Country]:
    text = (files("gslb.geo") / "data" / "countries.csv").read_text("utf-8")
    return MappingProxyType(
        {
            row["code"]: Country(
                code=row["code"],
                name=row["name"],
                continent=row["continent"],
                latitude=float(row["latitude"]),
                longitude=float(row["longitude"]),
            )
            for row in csv.DictReader(text.splitlines())
        }
    )


COUNTRIES: Mapping[str, Country] = _read()
"""By code: every ISO 3166-1 alpha-2 code, and XK (Kosovo), which databases use although ISO leaves it to users."""
