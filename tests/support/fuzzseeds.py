"""What the fuzz targets of the native code start from: `python -m support.fuzzseeds WORLD SEEDS`.

Writes the world that all targets ask, and seeds for each of them, from the worlds of the other tests: real packets,
real chunks of snapshots, real decisions and differences, small geo databases and pieces of class maps. The targets say
what an input of theirs looks like.
"""

from __future__ import annotations

import random
import struct
import sys
from collections.abc import Iterable, Iterator
from hashlib import sha1
from itertools import accumulate, islice
from pathlib import Path

from support.dnsworld import facts_of, make_snapshot, make_view, view, world
from support.nativeworld import chunks_of
from support.packets import SEEDS, random_packet
from support.trees import EMPTY, Nodes, grow, written

from gslb.codec.engine import DecisionDumper, dump_costs, dump_static
from gslb.codec.ranges import pieces_in_python
from gslb.core.answering.view import View
from gslb.core.facts import NO_FACTS
from gslb.core.snapshot import RangeMap
from gslb.geo.tree import DATA_GAP

SMALL = {
    "empty": """
zones: [{name: a.test, nameservers: [ns.b.test], contact: c@a.test}]
""",
    "records": """
zones:
  - {name: a.test, nameservers: [ns.a.test], contact: c@a.test, records: [
      {name: ns, type: A, data: 192.0.2.1}, {name: "*", type: TXT, data: '"t"'}, {name: d, type: DNAME, data: e.test.},
      {name: s, type: NS, data: ns.s}, {name: ns.s, type: AAAA, data: "2001:db8::1"}, {name: c, type: CNAME, data: c}]}
  - {name: b.a.test, nameservers: [ns.a.test], contact: c@a.test}
""",
    "service": """
geo: {prefixes: [{cidr: 10.1.0.0/16, country: DE}]}
zones: [{name: a.test, nameservers: [ns.b.test], contact: c@a.test}]
pools:
  - {name: p, members: [{name: m, address: [192.0.2.1, "2001:db8::1"]}, {name: n, address: 192.0.2.2}]}
  - {name: q, members: [{name: o, host: o.b.test}]}
services: [{name: w.a.test, pools: [p], answers: 2}, {name: h.a.test, pools: [q]}]
""",
}
RECORDS = (
    b"\xe1\x47country\xe1\x48iso_code\x42DE",
    b"\xe2\x4ccountry_code\x42FR\x48location\xe1\x48latitude\x68\x40\x48" + bytes(6),
    b"\xe1\x4csubdivisions\x01\x04\x20\x09",
)
"""Of a geo database; the last one leads into the first."""
DOWN = (
    ("broken/b", "us/u1"),
    ("broken/b", "eu/e1"),
    ("us/u1", "us/u2", "us/u3"),
    ("broken/b", "eu/e1", "us/u1", "us/u2", "us/u3"),
    (),
)


def main() -> None:
    place, seeds = Path(sys.argv[1]), Path(sys.argv[2])
    place.write_bytes(b"".join(struct.pack("!I", len(part)) + part for part in _world(view())))
    _write(seeds / "query", _queries())
    _write(seeds / "group", _groups())
    _write(seeds / "snapshot", _snapshots())
    _write(seeds / "decision", _decisions())
    _write(seeds / "database", _databases())
    _write(seeds / "pieces", _pieces())


def _world(at: View) -> Iterator[bytes]:
    """The static part, the decision, the costs of cohort tables, and the chunks as one."""
    yield dump_static(at.index.snapshot)
    yield DecisionDumper(at.index.snapshot).dump(at.decision)
    yield b"".join(struct.pack("!I", cost) for cost in dump_costs())
    yield b"".join(chunks_of(at))


def _queries() -> Iterator[bytes]:
    draw = random.Random(3)
    for number, packet in enumerate([*SEEDS, *(random_packet(draw) for _ in range(300))]):
        yield bytes([number % 8]) + packet


def _groups() -> Iterator[bytes]:
    packets = iter(_queries())
    while group := list(islice(packets, 8)):
        yield b"".join(packet[:1] + struct.pack("!H", len(packet) - 1) + packet[1:] for packet in group)


def _snapshots() -> Iterator[bytes]:
    yield _snapshot(view())
    for config in SMALL.values():
        yield _snapshot(make_view(make_snapshot(config), NO_FACTS))


def _snapshot(at: View) -> bytes:
    return _pair(dump_static(at.index.snapshot), b"".join(chunks_of(at)))


def _decisions() -> Iterator[bytes]:
    """Each world whole, and as the difference to the one before it."""
    dumper = DecisionDumper(view().index.snapshot)
    yield _pair(dumper.dump(view().decision), b"")
    for down in DOWN:
        at = make_view(world(), facts_of(world(), down))
        difference = dumper.dump(at.decision)
        yield _pair(difference, b"")
        yield _pair(DecisionDumper(at.index.snapshot).dump(at.decision), difference)


def _databases() -> Iterator[bytes]:
    """Of all sizes of records and for addresses of both versions."""
    at = [0, *accumulate(map(len, RECORDS))]
    for version, prefix in ((4, ""), (6, "0" * 96)):
        nodes: Nodes = [[EMPTY, EMPTY]]
        for number, path in enumerate(("00001010", "0000101000000111" + "0" * 11, "11", "1111110")):
            grow(nodes, (prefix if number < 2 else "") + path, DATA_GAP + at[number % len(RECORDS)])
        for number, size in enumerate((24, 28, 32)):
            how = number + 0x80 * (version == 6)
            yield struct.pack("!BH", how, len(nodes)) + written(nodes, size) + bytes(DATA_GAP) + b"".join(RECORDS)


def _pieces() -> Iterator[bytes]:
    for width, starts in ((32, (0, 256, 512, 70_000)), (128, (0, 1, 1 << 64, 1 << 127))):
        ranges = RangeMap(starts, (0, 1, 2, 0))
        octets = bytearray([width // 128, 3])
        for piece in pieces_in_python(ranges, width):
            classes = bytes(ranges.classes[piece.first : piece.end])
            octets += bytes([piece.unit_bits, len(piece.deltas), len(classes)]) + piece.deltas + classes
        yield bytes(octets)


def _pair(first: bytes, second: bytes) -> bytes:
    return struct.pack("!H", len(first)) + first + second


def _write(folder: Path, inputs: Iterable[bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for content in inputs:
        (folder / sha1(content, usedforsecurity=False).hexdigest()).write_bytes(content)


if __name__ == "__main__":
    main()
