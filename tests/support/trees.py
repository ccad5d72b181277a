"""Search trees of MaxMind DB files, written from range maps."""

from __future__ import annotations

from gslb.core.classes.ranges import spans
from gslb.core.snapshot import RangeMap

EMPTY = "empty"
Child = int | str
Nodes = list[list[Child]]


def grow(nodes: Nodes, path: str, value: int) -> None:
    """Put a value at the end of a path of bits, `node` numbers on the way, EMPTY or `value:N` elsewhere."""
    node = 0
    for bit in map(int, path[:-1]):
        child = nodes[node][bit]
        if not isinstance(child, int):
            nodes.append([child, child])
            child = nodes[node][bit] = len(nodes) - 1
        node = child
    nodes[node][int(path[-1])] = f"value:{value}"


def blocks(ranges: RangeMap, width: int) -> list[tuple[str, int]]:
    """The map as CIDR blocks: (path of bits, value)."""
    found = []
    for first, last, value in spans(ranges):
        at, end = first, min(last, (1 << width) - 1)
        while at <= end:
            bits = width - min((at & -at).bit_length() - 1 if at else width, (end - at + 1).bit_length() - 1)
            found.append((f"{at >> width - bits:0{bits}b}" if bits else "", value))
            at += 1 << width - bits
    return found


def written(nodes: Nodes, record_size: int) -> bytes:
    def record(child: Child) -> int:
        if isinstance(child, int):
            return child
        return len(nodes) + (0 if child == EMPTY else int(child.removeprefix("value:")))

    octets = bytearray()
    for left, right in ((record(left), record(right)) for left, right in nodes):
        if record_size == 28:
            middle = (left >> 24 << 4 | right >> 24).to_bytes(1)
            octets += (left & 0xFFFFFF).to_bytes(3) + middle + (right & 0xFFFFFF).to_bytes(3)
        else:
            octets += left.to_bytes(record_size // 8) + right.to_bytes(record_size // 8)
    return bytes(octets)


def tree(ranges: RangeMap, width: int, prefix: str = "") -> Nodes:
    nodes: Nodes = [[EMPTY, EMPTY]]
    for path, value in blocks(ranges, width):
        if value and prefix + path:
            grow(nodes, prefix + path, value)
    return nodes
