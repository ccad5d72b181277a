"""The native engine says what the reference says, octet for octet: every scenario, random packets, every client."""

from __future__ import annotations

import random
from collections import Counter
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import pairwise
from pathlib import Path

import pytest
from support.dnsworld import CONFIG, RESOLVER, make_snapshot, make_view, query_for, view
from support.nativeworld import Native, both, ecs_query, plain_query
from support.packets import IDENTITY, NOW_S, SEEDS, random_packet

from dns_server import _native
from gslb.core.answering.answer import Answered, Dropped, answer
from gslb.core.answering.choice import Choice
from gslb.core.answering.records import type_label
from gslb.core.answering.source import Client, Transport
from gslb.core.answering.view import View
from gslb.core.facts import NO_FACTS
from gslb.geo.database import read

SCENARIOS = (Path(__file__).parent.parent / "scenario" / "answers.txt").read_text()
PACKETS = 40_000
CLIENT = ip_address(RESOLVER)

STEERED = """
dns: {rate_limit: off}
ecs: {from: [203.0.113.0/24, "2001:db8:53::/48"]}
geo: {prefixes: [{cidr: 10.1.0.0/20}, {cidr: 192.168.4.0/23}, {cidr: 81.2.69.144/28, tags: {office: london}}]}
zones: [{name: example.test, nameservers: [ns1.example.test, ns2.elsewhere.test], contact: ops@example.test,
         file: example.zone}]
pools:
  - {name: eu, members: [{name: e1, address: [192.0.2.1, "2001:db8:e::1"]}]}
  - {name: us, members: [{name: u1, address: 198.51.100.1}, {name: twin, address: 198.51.100.1},
                         {name: u2, address: [198.51.100.2, "2001:db8:a::2"]}]}
  - {name: asia, members: [{name: a1, address: 198.51.100.3, weight: 3}, {name: a2, address: 198.51.100.4},
                           {name: a3, address: [198.51.100.5, "2001:db8:5::5"]}]}
  - {name: cdn, members: [{name: c, host: edge.cdn.test}, {name: h, host: www.example.test}]}
policies:
  - name: places
    steering:
      - geo:
          rules:
            - {match: {continent: EU}, try: [eu], fence: true}
            - {match: {country: [US, CA]}, try: [{us: 70, asia: 30}]}
            - {match: {continent: AS}, try: [asia]}
            - {match: {tag: {office: london}}, try: [us]}
            - {match: {cidr: 81.2.69.128/25}, try: [asia]}
            - {match: {cidr: 1.2.0.0/15}, try: [us], fence: true}
          otherwise: [eu]
      - weighted
services:
  - {name: www.example.test, pools: [eu, us, asia], policy: places}
  - {name: two.example.test, pools: [eu, us, asia], policy: places, answers: 2}
  - {name: all.example.test, pools: [eu, us, asia], policy: places, answers: all}
  - {name: turns.example.test, pools: [eu, us, asia], policy: places, by: query}
  - {name: mixed.example.test, pools: {eu: asia, us: us}}
  - {name: cdn.example.test, pools: [cdn]}
"""
NAMES = [b"\x03www", b"\x03two", b"\x03all", b"\x05turns", b"\x05mixed", b"\x03cdn", b"\x06nobody", b"\x04host"]
ZONE = b"\x07example\x04test\x00"


def test_every_scenario_is_answered_alike() -> None:
    native = Native(view()).answerer
    for paragraph in SCENARIOS.strip().split("\n\n"):
        name, rrtype, *words = paragraph.splitlines()[1].split()
        settings = dict(pairwise(words))
        flags = {"want_dnssec": True} if "do" in words else {}
        packet = query_for(name, rrtype, settings.get("ecs"), **flags).to_wire()
        client = ip_address(settings.get("from", RESOLVER))
        expected, said = both(native, view(), packet, client, tcp="tcp" in words)
        assert said == expected, paragraph


@pytest.mark.parametrize("nocookie_bytes", [None, 128, 300])
def test_random_packets_are_answered_and_counted_alike(nocookie_bytes: int | None) -> None:
    at = nocookie_view(nocookie_bytes)
    twin = Native(at)
    native = twin.with_identity(IDENTITY.nsid, IDENTITY.secrets)
    choices: Counter[Choice] = Counter()
    draw = random.Random(3)
    queries: Counter[tuple[str, str, str]] = Counter()
    dropped: Counter[str] = Counter()
    malformed: Counter[str] = Counter()
    cookies: Counter[str] = Counter()
    for number in range(PACKETS):
        packet = SEEDS[number] if number < len(SEEDS) else random_packet(draw)
        transport = Transport.TCP if number % 5 == 0 else Transport.UDP
        client = Client(CLIENT, transport, unix_s=NOW_S)
        result = answer(packet, client, at, number, identity=IDENTITY)
        said = native.answer(packet, client, number)
        if isinstance(result, Dropped):
            dropped[result.reason] += 1
            assert said is None, packet.hex()
            continue
        queries[str(transport), type_label(result.rrtype), result.rcode.name] += 1
        malformed.update([result.refusal] if result.refusal else [])
        cookies.update([str(result.cookie)] if result.cookie else [])
        choices.update(result.choices)
        assert said == result.message, packet.hex()
    assert {kind: count for *kind, count in native.queries() for kind in [tuple(kind)]} == queries
    assert dict(native.dropped()) == dropped
    assert dict(native.malformed()) == malformed
    assert dict(native.cookies()) == cookies
    assert len(malformed) > 9
    assert min(cookies["new"], cookies["valid"], cookies["invalid"]) > 50, cookies
    assert queries.keys() >= {("udp", "A", "NOTAUTH"), ("udp", "A", "BADVERS"), ("udp", "other", "BADCOOKIE")}
    assert_counted_alike(twin, at, choices)


def nocookie_view(octets: int | None) -> View:
    """The world with `dns.max_nocookie_response`."""
    if octets is None:
        return view()
    return make_view(
        make_snapshot(CONFIG.replace("rate_limit: off", f"rate_limit: off, max_nocookie_response: {octets}"))
    )


def assert_counted_alike(twin: Native, at: View, choices: Counter[Choice]) -> None:
    """Answers by service and pool, and demand by service and class."""
    model = at.index.snapshot.model
    answers: Counter[tuple[int, int | None]] = Counter()
    demand: Counter[tuple[int, int]] = Counter()
    services = {service.name: number for number, service in enumerate(model.services)}
    pools = {pool.name: number for number, pool in enumerate(model.pools)}
    for choice, count in choices.items():
        answers[services[choice.service], pools[choice.pool] if choice.pool else None] += count
        demand[services[choice.service], choice.cls] += count
    total, known, others, more = twin.statics.tallies.answers(list(answers), 10)
    assert (total, known, others, more) == (choices.total(), list(answers.values()), [], 0)
    assert twin.statics.tallies.answers([], 1000)[2] == sorted(
        answers.items(), key=lambda item: (-item[1], item[0][0], len(pools) if item[0][1] is None else item[0][1])
    )
    most, rest = twin.statics.tallies.take_demand(10_000)
    assert ({(service, cls): count for service, cls, count in most}, rest) == (demand, 0)


def test_without_a_snapshot_both_fail_alike() -> None:
    for packet in (query_for("www.example.test", "A").to_wire(), b"short", query_for("x.test", "AXFR").to_wire()):
        expected, said = both(_native.Answerer(None), None, packet, CLIENT)
        assert said == expected


def test_every_client_is_found_and_served_alike() -> None:
    """ECS and resolvers all over the world's countries, at the borders of classes and in private networks."""
    snapshot = make_snapshot(STEERED, geo=read((), ()))
    at = make_view(snapshot, NO_FACTS)
    twin = Native(at)
    borders = [start for classes in snapshot.classes.values() for start in classes.full_v4.starts]
    borders_v6 = [start for classes in snapshot.classes.values() for start in classes.full_v6.starts]
    draw = random.Random(9)
    answered: Counter[bytes] = Counter()
    choices: Counter[Choice] = Counter()
    for number in range(20_000):
        is_v4 = draw.random() < 0.6
        if draw.random() < 0.5:
            edge = draw.choice(borders if is_v4 else borders_v6) + draw.choice((-1, 0, 1, 255))
            address = max(0, min(edge, (1 << (32 if is_v4 else 128)) - 1))
        else:
            address = draw.randrange(1 << 32) if is_v4 else draw.randrange(0x2A << 120, 0x2B << 120)
        client = IPv4Address(address) if is_v4 else IPv6Address(address)
        name = draw.choice(NAMES) + ZONE
        rrtype = draw.choice((1, 1, 1, 28, 5, 255, 16))
        if number % 4 == 0:
            packet, resolver = plain_query(name, rrtype), client
        else:
            bits = draw.choice((0, 8, 15, 16, 20, 24, 24, 25, 32) if is_v4 else (0, 16, 29, 32, 48, 56, 56, 64, 128))
            packet, resolver = (
                ecs_query(name, rrtype, client, bits),
                ip_address("192.0.2.99") if number % 9 == 0 else CLIENT,
            )
        entropy = number * 0x9E3779B97F4A7C15 % (1 << 64)
        asker = Client(resolver, Transport.UDP)
        result = answer(packet, asker, at, entropy)
        assert isinstance(result, Answered)
        assert twin.answerer.answer(packet, asker, entropy) == result.message, (client, name)
        answered[result.message] += 1
        choices.update(result.choices)
    assert len(answered) > 3000
    assert_counted_alike(twin, at, choices)


def test_a_long_answer_over_tcp_is_composed_alike() -> None:
    """Beyond the reach of pointers (16,383 octets) names are written out again."""
    nameservers = "\n".join(f"many NS server-{number}.under.many" for number in range(13))
    glue = "\n".join(f"server-{number}.under.many A 192.0.2.{host}" for number in range(13) for host in range(200))
    config = """
zones: [{name: example.test, nameservers: [ns1.example.test], contact: ops@example.test, file: example.zone}]
"""
    snapshot = make_snapshot(config, records=f"$TTL 60\nns1 A 192.0.2.53\n{nameservers}\n{glue}\n")
    at = make_view(snapshot, NO_FACTS)
    native = Native(at).answerer
    for name in ("many.example.test", "x.many.example.test", "X.Server-9.UNDER.many.example.test"):
        for tcp in (False, True):
            expected, said = both(native, at, query_for(name, "A").to_wire(), CLIENT, tcp=tcp)
            assert said == expected
            assert said is not None
            assert len(said) > 30_000 or not tcp


def test_the_comparison_can_fail() -> None:
    native = Native(view()).answerer
    expected, said = both(native, make_view(facts=NO_FACTS), query_for("failing.example.test", "A").to_wire(), CLIENT)
    assert said != expected
