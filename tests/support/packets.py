"""Packets that strangers may send: good queries, and what becomes of them."""

from __future__ import annotations

import random
import struct
from ipaddress import ip_address

import dns.edns
from support.dnsworld import RESOLVER, query_for

from gslb.core.answering import cookies
from gslb.core.answering.identity import Identity
from gslb.core.answering.source import Client, Transport

NOW_S = 1_800_000_000
IDENTITY = Identity(nsid=b"a server's name", secrets=(b"newer secret 16.", b"older secret 16."))
"""Whom packets with options are for."""


def _shown_cookies() -> list[bytes]:
    """Of a client that knows none yet, or good, old, stale, or nobody's one; and a list too short for a length."""
    client = b"aclient."
    made = [
        cookies.make(client, Client(ip_address(RESOLVER), Transport.UDP, unix_s=NOW_S - age_s), secret)
        for secret in (*IDENTITY.secrets, b"nobody's secret.")
        for age_s in (-400, 0, 1000, 2000, 4000)
    ]
    return [client, client[:-1], *(client + cookie for cookie in made)]


def _options() -> list[list[dns.edns.Option]]:
    shown = [[dns.edns.GenericOption(10, data)] for data in _shown_cookies()]
    nsid, subnet = dns.edns.GenericOption(3, b""), dns.edns.ECSOption("81.2.69.0", 24)
    return [[nsid], *shown, *([subnet, *some, nsid] for some in shown[:4])]


def _with_options() -> list[bytes]:
    """And the same without a question."""
    packets = []
    for options in _options():
        for name, rrtype in (
            ("www.example.test", "A"),
            ("failing.example.test", "A"),
            ("silent.example.test", "A"),
            ("big.example.test", "TXT"),
            ("nothing.example.test", "A"),
            ("www.elsewhere.test", "A"),
        ):
            query = query_for(name, rrtype)
            query.use_edns(0, payload=1232, options=options)
            packets.append(query.to_wire())
        packets.append(packets[-1][:4] + bytes(2) + packets[-1][6:12] + packets[-1][12 + 24 :])
    return packets


def _signed() -> list[bytes]:
    """With a TSIG record behind everything, its key a name of its own or below the question's."""
    algorithm = b"\x0bhmac-sha256\x00"
    signed = struct.pack("!QH", NOW_S << 16 | 300, 32) + bytes(32) + struct.pack("!3H", 7, 0, 0)
    fixed = struct.pack("!HHIH", 250, 255, 0, len(algorithm + signed)) + algorithm + signed
    packets = []
    for options in ({}, {"use_edns": 0, "payload": 4096}):
        query = query_for("www.example.test", "A", "81.2.69.0/24" if options else None, **options).to_wire()
        more = struct.pack("!H", int.from_bytes(query[10:12]) + 1)
        packets += [query[:10] + more + query[12:] + key + fixed for key in (b"\x03key\x00", b"\x01k\xc0\x0c")]
    return packets


SEEDS = (
    [
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
    + _with_options()
    + _signed()
)


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
