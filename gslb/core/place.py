"""Where a client's prefix is, as far as databases and the user's own prefixes tell."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Empty text, 0 and None mean not known.

    `continent`: AF AN AS EU NA OC SA. `country`: ISO 3166-1 alpha-2. `subdivision`: ISO 3166-2 without the country.
    `city`: English name. `asn`: autonomous system number. Coordinates in degrees; for a country alone its centre.
    `tags`: of the user's own prefix that covers the client, sorted. `own`: whether such a prefix covers it.
    """

    continent: str = ""
    country: str = ""
    subdivision: str = ""
    city: str = ""
    asn: int = 0
    latitude: float | None = None
    longitude: float | None = None
    tags: tuple[tuple[str, str], ...] = ()
    own: bool = False


NOWHERE = Place()
