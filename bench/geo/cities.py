"""A made-up database of city size: networks of one length each in four parts of the address space.

Neighbours never share a record, so that nothing melts together: worse than a real database.
"""

from __future__ import annotations

import random
import sys
from array import array
from pathlib import Path
from typing import NamedTuple

from bench.geo.mmdb import GAP, database, encoded
from gslb.geo.countries import COUNTRIES

CITIES = 100_000


class Part(NamedTuple):
    """All networks that are `depth` bits longer than the one at `path`."""

    path: str
    depth: int


PARTS = (
    Part("0" * 96 + "0", 21),  # 2.1 million /22 of IPv4
    Part("0" * 96 + "10000000", 19),  # 520,000 /27, which a resolver's /24 is cut by
    Part("0010000000000001", 20),  # 1.05 million /36 of IPv6
    Part("0011" + "0" * 36, 18),  # 260,000 /58, which a resolver's /56 is cut by
)


def write(path: Path) -> int:
    """Write the database; how many networks it has."""
    data, records = _records(random.Random(1))
    tree = _Tree()
    for part in PARTS:
        tree.grow(part)
    count = len(tree.words) // 2
    networks = 0
    words = tree.words
    for at, word in enumerate(words):
        if word == _LEAF:
            words[at] = count + records[networks * 7_919 % CITIES]
            networks += 1
        elif word == _EMPTY:
            words[at] = count
    if sys.byteorder == "little":
        words.byteswap()
    path.write_bytes(database(words.tobytes(), count, data, "Bench-City", 6))
    return networks


_EMPTY, _LEAF = (1 << 32) - 1, (1 << 32) - 2


class _Tree:
    """Left and right record of each node in turn."""

    def __init__(self) -> None:
        self.words = array("I", [_EMPTY, _EMPTY])

    def grow(self, part: Part) -> None:
        """Hang a whole tree, its nodes level by level, at the end of the path."""
        node = 0
        for bit in map(int, part.path[:-1]):
            if self.words[2 * node + bit] == _EMPTY:
                self.words[2 * node + bit] = len(self.words) // 2
                self.words.extend([_EMPTY, _EMPTY])
            node = self.words[2 * node + bit]
        root = len(self.words) // 2
        self.words[2 * node + int(part.path[-1])] = root
        inner = (1 << part.depth - 1) - 1
        self.words.extend(range(root + 1, root + 1 + 2 * inner))
        self.words.extend([_LEAF] * (1 << part.depth))


def _records(chance: random.Random) -> tuple[bytes, list[int]]:
    """A data section of so many cities, and what a tree adds to its number of nodes to name each."""
    data, at = bytearray(), []
    codes = sorted(COUNTRIES)
    for number in range(CITIES):
        country = COUNTRIES[chance.choice(codes)]
        spot = {
            "latitude": max(-90.0, min(90.0, country.latitude + chance.uniform(-5, 5))),
            "longitude": max(-180.0, min(180.0, country.longitude + chance.uniform(-5, 5))),
        }
        at.append(len(data) + GAP)
        data += encoded(
            {
                "continent": {"code": country.continent},
                "country": {"iso_code": country.code},
                "city": {"names": {"en": f"city {number}"}},
                "location": spot,
            }
        )
    return bytes(data), at
