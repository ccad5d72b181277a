"""Packets that strangers may send: good queries, and what becomes of them."""

from __future__ import annotations

import random
import struct

from support.dnsworld import query_for

SEEDS = [
    query_for(name, rrtype, subnet, **options).to_wire()
    for name, rrtype in (
        ("www.example.test", "A"),
        ("both.example.test", "A"),
        ("big.example.test", "TXT"),
        ("www.wide.example.test", "AAAA"),
        ("a.dname.example.test", "A"),
        ("x.wild.example.test", "TXT"),
        ("towww.example.test", "AAAA"),
        ("cdn.example.test", "MX"),
        ("any.example.test", "ANY"),
        ("example.test", "NS"),
        ("nothing.child.example.test", "DS"),
    )
    for subnet in (None, "81.2.69.0/24", "2a02::/48")
    for options in ({}, {"use_edns": 0, "payload": 4096, "want_dnssec": True})
]


def random_packet(draw: random.Random) -> bytes:
    """Noise, a header with noise behind it, or a good query with some octets changed, cut, doubled or swapped."""
    kind = draw.randrange(10)
    if kind == 0:
        return draw.randbytes(draw.randrange(0, 80))
    if kind == 1:
        counts = [draw.choice((0, 1, 1, 2, 65_535)) for _ in range(4)]
        return struct.pack("!6H", 7, draw.choice((0, 0x0100)), *counts) + draw.randbytes(draw.randrange(0, 120))
    packet = bytearray(draw.choice(SEEDS))
    for _ in range(draw.choice((1, 1, 2, 4, 8))):
        at = draw.randrange(len(packet)) if packet else 0
        match draw.randrange(6):
            case 0 | 1:
                packet[at : at + 1] = bytes([draw.randrange(256)])
            case 2:
                packet[at : at + 1] = bytes([draw.choice((0, 1, 0x3F, 0x40, 0xC0, 0xFF))])
            case 3:
                del packet[at : at + draw.randrange(1, 8)]
            case 4:
                packet[at:at] = packet[at : at + draw.randrange(1, 40)]
            case 5:
                packet[at:at] = draw.randbytes(draw.randrange(1, 8))
    return bytes(packet)
