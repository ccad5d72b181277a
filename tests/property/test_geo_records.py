"""Records of database files as the native module and as maxminddb read them; files that mean harm."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address
from pathlib import Path
from tempfile import TemporaryDirectory

import maxminddb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmdb_writer import MMDBType, MMDBWriter
from netaddr import IPSet

from gslb import native
from gslb.geo.database import GeoError, read
from gslb.geo.places import PATHS
from gslb.geo.records import NativeRecords, PythonRecords
from gslb.geo.tree import DATA_GAP

NAMES = sorted({step for path in PATHS for step in path if isinstance(step, str)})
LEAVES = st.one_of(
    st.sampled_from(["DE", "de ", "EU", "BY", "DE-BY", "AS64496", "", "x" * 300, "48.1", "München"]),
    st.integers(0, (1 << 32) - 1),
    st.floats(-200, 200, allow_nan=False, width=32),
    st.booleans(),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.dictionaries(st.sampled_from(NAMES), inner, max_size=6) | st.lists(inner, max_size=3),
    max_leaves=8,
)


def write(path: Path, records: Mapping[str, MMDBType]) -> Path:
    writer = MMDBWriter(ip_version=4, database_type="test", int_type="auto")
    for network, record in records.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(path))
    return path


RECORDS = st.dictionaries(st.sampled_from(NAMES), VALUES, min_size=1, max_size=8)


@settings(max_examples=50)
@given(records=st.lists(RECORDS, min_size=1, max_size=4))
def test_both_readers_find_the_same_places(records: list[MMDBType]) -> None:
    with TemporaryDirectory() as folder:
        path = write(Path(folder) / "c.mmdb", {f"10.{number}.0.0/16": one for number, one in enumerate(records)})
        content = path.read_bytes()
        found = NativeRecords(content)
        with maxminddb.open_database(path) as reader:
            expected = PythonRecords(reader)
            assert found.shape == expected.shape
            v4, _ = native.cut(content, *found.shape)
            for start, record in zip(v4.starts, v4.classes, strict=True):
                address = IPv4Address(start)
                if record:
                    assert found.place(record, address) == expected.place(record, address)


def forged(record: bytes, path: Path) -> Path:
    """A database whose only record is `record`, BEHIND octets into the data."""
    whole = write(path, {"10.0.0.0/8": {"city": "here"}}).read_bytes()
    section = whole.index(bytes(DATA_GAP)) + DATA_GAP
    path.write_bytes(whole[: section + BEHIND] + record + whole[whole.rindex(b"\xab\xcd\xefMaxMind.com") :])
    return path


BEHIND = 10
"""The texts that the writer puts first."""

KEY = b"\x44city"
HARM = {
    "a pointer to itself": b"\xe1" + KEY + b"\x20\x10",
    "a pointer to a pointer": b"\xe1" + KEY + b"\x20\x12" + b"\x20\x10",
    "a pointer out of the file": b"\xe1" + KEY + b"\x38\xff\xff\xff\xff",
    "a map larger than the file": b"\xff\xff\xff\xff" + KEY,
    "a text larger than the file": b"\xe1" + KEY + b"\x5f\xff\xff\xff",
    "a key that is no text": b"\xe1\xa1\x01\x41x",
    "a text that is not UTF-8": b"\xe1" + KEY + b"\x42\xff\xfe",
    "lists one in the other": b"\xe2\x41a" + b"\x01\x04" * 5_000 + b"\x41b",
}


@pytest.mark.parametrize("case", HARM)
def test_harm_is_refused(case: str, tmp_path: Path) -> None:
    with pytest.raises(GeoError, match="damaged"):
        read([forged(HARM[case], tmp_path / "c.mmdb")], ())


def test_values_that_lead_to_each_other_by_the_billion_are_not_unfolded(tmp_path: Path) -> None:
    """Forty lists, each with two pointers to the next, beside what is asked for: 2^40 values to who reads all."""
    record = bytearray(b"\xe2" + KEY + b"\x44here" + b"\x41a")
    for _ in range(40):
        following = BEHIND + len(record) + 2 + 4
        record += b"\x02\x04" + b"".join((0x2000 | following).to_bytes(2) for _ in range(2))
    record += b"\x41z"
    table = read([forged(bytes(record), tmp_path / "c.mmdb")], ())
    assert {place.city for place in table.places} == {"", "here"}
