"""One country database that all servers can read: the bundled one, with its records in the layout of GeoIP2 Country.

The search tree stays as it is and only the data section is replaced, so that every prefix means what it meant.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from importlib.resources import as_file, files
from ipaddress import IPv4Address
from pathlib import Path

import maxminddb
from maxminddb.decoder import Decoder

from bench.geo import mmdb
from gslb.geo import tree
from gslb.geo.places import place_from

_FIRST, _LAST = int(IPv4Address("1.0.0.0")) >> 8, int(IPv4Address("223.255.255.0")) >> 8


def write(path: Path) -> None:
    """Write the converted database."""
    with as_file(files("gslb.geo") / "data" / "country.mmdb") as bundled:
        content = bundled.read_bytes()
        with maxminddb.open_database(bundled) as reader:
            metadata = reader.metadata()
    nodes = metadata.node_count
    records = tree.records(content, nodes, metadata.record_size)
    section = content[2 * nodes * metadata.record_size // 8 + mmdb.GAP : content.rindex(mmdb.METADATA)]
    data, moved = _converted(section, {record - nodes - mmdb.GAP for record in records if record > nodes})
    new = (moved[record - nodes - mmdb.GAP] + nodes + mmdb.GAP if record > nodes else record for record in records)
    tree_of_32 = b"".join(record.to_bytes(4) for record in new)
    path.write_bytes(mmdb.database(tree_of_32, nodes, data, "GeoLite2-Country", metadata.ip_version))


def clients(path: Path, count: int, seed: int) -> Iterator[tuple[IPv4Address, str]]:
    """Different random public /24 networks that lie in one country each, and that country, in random order."""
    draw = random.Random(seed)
    seen: set[int] = set()
    with maxminddb.open_database(path) as reader:
        while len(seen) < count:
            block = draw.randint(_FIRST, _LAST)
            address = IPv4Address(block << 8)
            record, length = reader.get_with_prefix_len(address)
            country = place_from(record).country
            if country and length <= 24 and address.is_global and block not in seen:
                seen.add(block)
                yield address, country


def _converted(section: bytes, offsets: set[int]) -> tuple[bytes, Mapping[int, int]]:
    """The new data section, and where in it the record of each old offset is now."""
    decoder = Decoder(section)
    data, moved = b"", {}
    for offset in sorted(offsets):
        record, _ = decoder.decode(offset)
        place = place_from(record)
        moved[offset] = len(data)
        data += mmdb.encoded({"continent": {"code": place.continent}, "country": {"iso_code": place.country}})
    return data, moved
