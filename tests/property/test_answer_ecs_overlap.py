"""Cached answers of both engines never shadow each other: other addresses, other prefixes (RFC 7871 7.2.1)."""

from __future__ import annotations

import random
import struct
from ipaddress import IPv4Network, ip_network

from support.dnsworld import ask_wire, make_snapshot, make_view

from gslb.core.answering.answer import Answered
from gslb.core.answering.view import View
from gslb.core.facts import NO_FACTS
from gslb.geo.database import read

NEIGHBOURS = """
dns: {rate_limit: off}
ecs: {from: [203.0.113.0/24]}
geo: {prefixes: [{cidr: 10.1.0.0/20}, {cidr: 192.168.4.0/23}]}
zones: [{name: example.test, nameservers: [ns1.example.test, ns2.elsewhere.test], contact: ops@example.test,
         file: example.zone}]
pools:
  - {name: eu, members: [{name: e1, address: 192.0.2.1}]}
  - {name: us, members: [{name: u1, address: 198.51.100.1}]}
  - {name: asia, members: [{name: a1, address: 198.51.100.2}, {name: a2, address: 198.51.100.3}]}
services:
  - name: www.example.test
    pools: [eu, us, asia]
    steering:
      - geo:
          rules:
            - {match: {continent: EU}, try: [eu], fence: true}
            - {match: {country: [US, CA]}, try: [us], fence: true}
            - {match: {continent: AS}, try: [asia]}
            - {match: {cidr: 81.2.69.128/25}, try: [us]}
            - {match: {cidr: 1.2.0.0/15}, try: [us], fence: true}
          otherwise: [eu]
      - weighted
"""
QUESTION = b"\x03www\x07example\x04test\x00\x00\x01\x00\x01"


def test_neighbouring_prefixes_never_get_overlapping_scopes_with_different_addresses() -> None:
    """20,000 random pairs (RFC 7871 7.2.1), among them private prefixes and the borders of classes."""
    snapshot = make_snapshot(NEIGHBOURS, geo=read((), ()))
    at = make_view(snapshot, NO_FACTS)
    borders = [start for classes in snapshot.classes.values() for start in classes.ecs_v4.starts if start]
    draw = random.Random(7)
    special = [10 << 24, (10 << 24) + (1 << 16), (192 << 24) + (168 << 16) + (4 << 8), 0x51024500]
    scopes = set()
    for pair in range(20_000):
        bits = draw.choice((16, 20, 22, 24, 24, 24, 28, 32))
        start = draw.randrange(1 << 32) if pair % 4 else draw.choice(borders)
        if pair % 100 == 99:
            start = draw.choice(special)
        upper = start >> 32 - bits
        one, first = _answered(at, max(0, upper - 1), bits)
        other, second = _answered(at, upper, bits)
        scopes.update((one.prefixlen, other.prefixlen))
        if one.overlaps(other):
            assert first == second, (one, other)
    assert len(scopes) > 8


def _answered(at: View, network: int, bits: int) -> tuple[IPv4Network, frozenset[bytes]]:
    """The prefix for which a cache may take the answer, and its addresses; read by hand, as there are many."""
    octets = (network << 32 - bits).to_bytes(4)[: (bits + 7) // 8]
    option = struct.pack("!HHHBB", 8, 4 + len(octets), 1, bits, 0) + octets
    opt = struct.pack("!BHHIH", 0, 41, 1232, 0, len(option)) + option
    result = ask_wire(struct.pack("!6H", 1, 0, 1, 0, 0, 1) + QUESTION + opt, at=at)
    assert isinstance(result, Answered)
    message, answers = result.message, 12 + len(QUESTION)
    count = int.from_bytes(message[6:8])
    scope = message[-len(octets) - 1]
    found = frozenset(message[answers + 16 * n + 12 : answers + 16 * n + 16] for n in range(count))
    return ip_network((network << 32 - bits, 32)).supernet(new_prefix=scope), found
