"""Steered answers: who gets which member, how many, and that scopes never overlap with different addresses."""

from __future__ import annotations

import random
import struct
from collections import Counter
from dataclasses import replace
from ipaddress import IPv4Network, ip_network

import pytest
from support.dnsworld import addresses, ask, ask_wire, facts_of, make_snapshot, make_view, scope_of, view, world

from gslb.core.answer import Answered
from gslb.core.directives import Action, Directives, Override, Scope, ScopeKind
from gslb.core.errors import InvalidSnapshot
from gslb.core.facts import NO_FACTS
from gslb.core.model import RRset
from gslb.core.names import Name
from gslb.core.records import RRType
from gslb.core.snapshot import Snapshot
from gslb.core.view import View, build_view

EU, US = {"192.0.2.1"}, {"198.51.100.1", "198.51.100.2", "198.51.100.3"}


def public_prefixes(count: int, seed: int, bits: int = 24) -> list[IPv4Network]:
    draw = random.Random(seed)
    return [ip_network((draw.randrange(11 << 24, 100 << 24) >> 32 - bits << 32 - bits, bits)) for _ in range(count)]


def picked(name: str, prefix: object, at: View | None = None) -> tuple[str, ...]:
    return tuple(addresses(ask(name, "A", str(prefix), at=at)))


def test_prefixes_see_the_weights() -> None:
    seen = Counter(picked("mixed.example.test", prefix)[0] for prefix in public_prefixes(1500, 1))
    assert set(seen) == EU | US
    for address in seen:
        share = 1 / 2 if address in EU else 1 / 6
        assert abs(seen[address] / 1500 - share) < 0.05


def test_a_prefix_always_sees_the_same_member_whichever_resolver_asks() -> None:
    for prefix in public_prefixes(50, 2):
        by_one = addresses(ask("mixed.example.test", "A", str(prefix), client="203.0.113.1"))
        by_other = addresses(ask("mixed.example.test", "A", str(prefix), client="203.0.113.2", tcp=True, entropy=9))
        assert by_one == by_other


def test_a_service_by_query_takes_turns_whoever_asks() -> None:
    seen = Counter(addresses(ask("turns.example.test", "A", "81.2.69.0/24", entropy=n))[0] for n in range(600))
    assert set(seen) == US
    assert min(seen.values()) > 150
    assert scope_of(ask("turns.example.test", "A", "81.2.69.0/24")) == 0


def test_n_answers_are_distinct_members_and_the_first_is_what_one_answer_gives() -> None:
    firsts: Counter[str] = Counter()
    for prefix in public_prefixes(100, 3):
        two = picked("both.example.test", prefix)
        assert len(set(two)) == 2
        assert set(two) <= US
        firsts[two[0]] += 1
    assert set(firsts) == US


def test_all_answers_are_every_serving_member_rotated() -> None:
    orders = {picked("all.example.test", prefix) for prefix in public_prefixes(100, 4)}
    assert orders == {
        ("198.51.100.1", "198.51.100.2", "198.51.100.3"),
        ("198.51.100.2", "198.51.100.3", "198.51.100.1"),
        ("198.51.100.3", "198.51.100.1", "198.51.100.2"),
    }
    down = make_view(facts=facts_of(world(), down=("us/u2",)))
    assert set(picked("all.example.test", "81.2.69.0/24", down)) == US - {"198.51.100.2"}


def test_a_dead_member_moves_only_its_own_clients() -> None:
    down = make_view(facts=facts_of(world(), down=("us/u2",)))
    for prefix in public_prefixes(300, 5):
        before, after = picked("mixed.example.test", prefix), picked("mixed.example.test", prefix, down)
        assert after != ("198.51.100.2",)
        assert before in (after, ("198.51.100.2",))


def test_a_dead_pool_moves_its_clients_to_the_next_entry() -> None:
    down = make_view(facts=facts_of(world(), down=("eu/e1",)))
    assert picked("www.example.test", "81.2.69.0/24") == ("192.0.2.1",)
    assert set(picked("www.example.test", "81.2.69.0/24", down)) <= US


def test_a_drained_site_leaves_the_answers() -> None:
    drain = Override(
        scope=Scope(ScopeKind.SITE, "eu"), action=Action.DRAIN, who="me", why="test", since_unix_s=0, until_unix_s=None
    )
    drained = make_view(directives=Directives(revision=1, overrides=(drain,)))
    assert set(picked("www.example.test", "81.2.69.0/24", drained)) <= US


def test_steered_addresses_never_stand_in_additional() -> None:
    ns = RRset(
        name=Name.from_text("example.test"),
        rrtype=RRType.NS,
        ttl_s=60,
        rdatas=(Name.from_text("www.example.test").wire, Name.from_text("host.example.test").wire),
    )
    reply = ask("example.test", "NS", at=make_view(replaced(world(), ns)))
    assert len(reply.answer[0]) == 2
    assert [rrset.name.to_text() for rrset in reply.additional] == ["host.example.test."]


@pytest.mark.parametrize("rrtype", [RRType.NS, RRType.CNAME, RRType.DNAME])
@pytest.mark.parametrize("rdata", [b"", b"\x05short", b"\x01a", b"\x01a\x00\x00", b"\xc0\x0c"])
def test_names_that_the_engine_follows_must_be_names(rrtype: RRType, rdata: bytes) -> None:
    bad = RRset(name=Name.from_text("bad.example.test"), rrtype=rrtype, ttl_s=60, rdatas=(rdata,))
    with pytest.raises(InvalidSnapshot, match="malformed"):
        build_view(replaced(world(), bad))


def test_scopes_do_not_change_with_health() -> None:
    worlds = [view(), *(make_view(facts=facts_of(world(), down=down)) for down in (("eu/e1",), ("us/u1", "us/u3")))]
    for prefix in public_prefixes(100, 6):
        for name in ("www.example.test", "mixed.example.test", "all.example.test", "sorry.example.test"):
            assert len({scope_of(ask(name, "A", str(prefix), at=at)) for at in worlds}) == 1


NEIGHBOURS = """
ecs: {from: [203.0.113.0/24]}
geo: {prefixes: [{cidr: 10.1.0.0/20, country: DE}, {cidr: 192.168.4.0/23, country: US}]}
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
    snapshot = make_snapshot(NEIGHBOURS)
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


def replaced(snapshot: Snapshot, rrset: RRset) -> Snapshot:
    """The first zone with this record set in place of its own, or added."""
    zone = snapshot.model.zones[0]
    others = tuple(r for r in zone.rrsets if (r.name, r.rrtype) != (rrset.name, rrset.rrtype))
    zones = (replace(zone, rrsets=(*others, rrset)), *snapshot.model.zones[1:])
    return replace(snapshot, model=replace(snapshot.model, zones=zones))
