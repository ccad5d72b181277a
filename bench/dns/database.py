"""One country database that all servers can read: the bundled one, with its records in the layout of GeoIP2 Country.

The search tree stays as it is and only the data section is replaced, so that every prefix means what it meant.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from importlib.resources import as_file, files
from ipaddress import IPv4Address
from pathlib import Path
from typing import NamedTuple

import maxminddb
from maxminddb.decoder import Decoder

from gslb.geo import tree
from gslb.geo.places import place_from


class Unsigned(NamedTuple):
    """A number of one of the format's widths, which readers insist on."""

    bits: int
    number: int


Value = str | Unsigned | list[str] | Mapping[str, "Value"]

_METADATA = b"\xab\xcd\xefMaxMind.com"
_GAP = 16
"""Octets of zero between tree and data; records of the tree count from its start."""
_BUILD_EPOCH = 1_780_000_000
_TEXT, _MAP, _ARRAY = 2, 7, 11
_UNSIGNED = {16: 5, 32: 6, 64: 9}
_FIRST, _LAST = int(IPv4Address("1.0.0.0")) >> 8, int(IPv4Address("223.255.255.0")) >> 8


def write(path: Path) -> None:
    """Write the converted database."""
    with as_file(files("gslb.geo") / "data" / "country.mmdb") as bundled:
        content = bundled.read_bytes()
        with maxminddb.open_database(bundled) as reader:
            metadata = reader.metadata()
    nodes = metadata.node_count
    records = tree.records(content, nodes, metadata.record_size)
    section = content[2 * nodes * metadata.record_size // 8 + _GAP : content.rindex(_METADATA)]
    data, moved = _converted(section, {record - nodes - _GAP for record in records if record > nodes})
    new = (moved[record - nodes - _GAP] + nodes + _GAP if record > nodes else record for record in records)
    about = _encoded(
        {
            "binary_format_major_version": Unsigned(16, 2),
            "binary_format_minor_version": Unsigned(16, 0),
            "build_epoch": Unsigned(64, _BUILD_EPOCH),
            "database_type": "GeoLite2-Country",
            "description": {"en": "the bundled countries in another layout, for a benchmark"},
            "ip_version": Unsigned(16, metadata.ip_version),
            "languages": ["en"],
            "node_count": Unsigned(32, nodes),
            "record_size": Unsigned(16, 32),
        }
    )
    path.write_bytes(b"".join(record.to_bytes(4) for record in new) + bytes(_GAP) + data + _METADATA + about)


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
        data += _encoded({"continent": {"code": place.continent}, "country": {"iso_code": place.country}})
    return data, moved


def _encoded(value: Value) -> bytes:
    """One value in the format's own encoding; text and containers of up to 284 octets or members, as all here are."""
    match value:
        case str():
            content = value.encode()
            return _head(_TEXT, len(content)) + content
        case Unsigned(bits, number):
            return _head(_UNSIGNED[bits], bits // 8) + number.to_bytes(bits // 8)
        case list():
            return _head(_ARRAY, len(value)) + b"".join(map(_encoded, value))
        case _:
            return _head(_MAP, len(value)) + b"".join(_encoded(key) + _encoded(held) for key, held in value.items())


def _head(kind: int, size: int) -> bytes:
    extended = bytes([kind - 7]) if kind > 7 else b""
    top = 0 if kind > 7 else kind
    return bytes([top << 5 | min(size, 29)]) + extended + (bytes([size - 29]) if size >= 29 else b"")
