"""Steered answers: who gets which member, how many, and that scopes never overlap with different addresses."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from ipaddress import IPv4Network, ip_network

import pytest
from support.dnsworld import addresses, ask, facts_of, make_view, scope_of, view, world

from gslb.core.answering.records import RRType
from gslb.core.answering.view import View, build_view
from gslb.core.directives import Action, Directives, Override, Scope, ScopeKind
from gslb.core.errors import InvalidSnapshot
from gslb.core.model import RRset
from gslb.core.names import Name
from gslb.core.snapshot import Snapshot

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


def replaced(snapshot: Snapshot, rrset: RRset) -> Snapshot:
    """The first zone with this record set in place of its own, or added."""
    zone = snapshot.model.zones[0]
    others = tuple(r for r in zone.rrsets if (r.name, r.rrtype) != (rrset.name, rrset.rrtype))
    zones = (replace(zone, rrsets=(*others, rrset)), *snapshot.model.zones[1:])
    return replace(snapshot, model=replace(snapshot.model, zones=zones))
