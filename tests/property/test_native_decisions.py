"""Random snapshots and what happens to them, loaded natively whole or by differences: answers are the reference's."""

from __future__ import annotations

import random
from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import health
from support.dnsworld import facts_of, make_view, world
from support.nativeworld import SEED, Native, both, ecs_query, plain_query
from support.strategies import snapshots
from support.worlds import World, worlds

from dns_server import _native
from gslb.codec.engine import DecisionDumper, dump_costs, dump_static
from gslb.core.answering.source import Client, Transport
from gslb.core.answering.view import View, build_view
from gslb.core.directives import NO_DIRECTIVES
from gslb.core.facts import NO_FACTS
from gslb.core.model import RRset, Soa, Zone
from gslb.core.names import Name
from gslb.core.silence import NO_SILENCE
from gslb.core.snapshot import ClassMap, RangeMap, Snapshot
from gslb.core.steering.decide import decide

SLOW = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
RESOLVERS = [ip_address(text) for text in ("192.0.2.7", "10.200.0.1", "2001:db8::7", "81.2.69.144")]
APEX = Name.from_text("gslb.example.com")


def compare(native: Native, view: View, draw: random.Random, questions: int) -> None:
    model = view.index.snapshot.model
    names = [service.name for service in model.services]
    names += [rrset.name for zone in model.zones for rrset in zone.rrsets] + [zone.apex for zone in model.zones]
    names += [Name(b"\x01x" + name.wire) for name in names[:4]]
    ranges = [m for classes in view.index.snapshot.classes.values() for m in (classes.full_v4, classes.full_v6)]
    for number in range(questions):
        name = draw.choice(names).wire
        rrtype = draw.choice((1, 1, 1, 28, 28, 5, 16, 255, 2))
        start = draw.choice(draw.choice(ranges).starts) + draw.randrange(256)
        address = ip_address(start) if start < 1 << 32 else ip_address(start % (1 << 128))
        packet = plain_query(name, rrtype)
        if number % 2:
            packet = ecs_query(name, rrtype, address, draw.choice((8, 16, 24, 32)))
        client = draw.choice([*RESOLVERS, address])
        expected, said = both(native.answerer, view, packet, client, entropy=draw.getrandbits(64))
        assert said == expected, (name, rrtype, client)


@SLOW
@given(snapshots(), st.randoms(use_true_random=False))
def test_any_snapshot_is_answered_alike(snapshot: Snapshot, draw: random.Random) -> None:
    unlimited = replace(snapshot.model, dns=replace(snapshot.model.dns, rate_limit=None))  # all ask at one moment
    snapshot = replace(snapshot, model=unlimited)
    view = build_view(snapshot).with_decision(decide(snapshot, NO_DIRECTIVES, NO_FACTS, NO_SILENCE))
    compare(Native(view), view, draw, 60)


@SLOW
@given(worlds(), st.data(), st.randoms(use_true_random=False))
def test_differences_add_up_to_the_whole(moment: World, data: st.DataObject, draw: random.Random) -> None:
    snapshot = addressed(moment.snapshot)
    index = build_view(snapshot)
    decision = decide(snapshot, NO_DIRECTIVES, NO_FACTS, NO_SILENCE)
    native = Native(index.with_decision(decision))
    for _ in range(4):
        facts = data.draw(health.facts(snapshot))
        directives = data.draw(health.directives(snapshot.model))
        decision = decide(snapshot, directives, facts, data.draw(health.silent(facts)), decision)
        # Now and then one that does not say where it differs from the one before
        native.take(decision if draw.random() < 0.7 else replace(decision, moved=None))
        compare(native, index.with_decision(decision), draw, 25)
        compare(Native(index.with_decision(decision)), index.with_decision(decision), draw, 25)


def addressed(snapshot: Snapshot) -> Snapshot:
    """With a zone, and with classes that clients fall into: one /8 after the other."""

    def spread(classes: ClassMap) -> ClassMap:
        count = len(classes.keys)
        v4 = RangeMap(tuple(number << 24 for number in range(count)), tuple(range(count)))
        v6 = RangeMap(tuple(number << 120 for number in range(count)), tuple(range(count)))
        return replace(classes, ecs_v4=v4, full_v4=v4, ecs_v6=v6, full_v6=v6)

    soa = Soa(mname=APEX, rname=APEX, refresh_s=1, retry_s=1, expire_s=1, negative_ttl_s=9, ttl_s=60)
    server = RRset(name=APEX, rrtype=2, ttl_s=60, rdatas=(b"\x02ns\x04test\x00",))
    zone = Zone(apex=APEX, soa=soa, rrsets=(server,))
    return replace(
        snapshot,
        model=replace(snapshot.model, zones=(zone,)),
        serials={APEX: 1},
        classes={name: spread(classes) for name, classes in snapshot.classes.items()},
    )


def test_a_member_that_fails_costs_few_octets() -> None:
    """One dead server changes one pool's vectors, however many services use it."""
    snapshot = world()
    view = make_view()
    native = Native(view)
    whole = native.message_bytes
    facts = facts_of(snapshot, ("broken/b", "us/u2"), sequence=2)
    later = decide(snapshot, NO_DIRECTIVES, facts, NO_SILENCE, view.decision)
    native.take(later)
    assert native.message_bytes < 60 < whole
    compare(native, view.index.with_decision(later), random.Random(1), 200)
    native.take(later)
    assert native.message_bytes == 0


def test_what_does_not_belong_together_is_refused() -> None:
    view = make_view()
    native = Native(view)
    tables = _native.Tables(dump_costs())
    message = DecisionDumper(view.index.snapshot).dump(view.decision)
    statics = native.statics
    with pytest.raises(ValueError, match="difference needs the decision before"):
        _native.Decision(b"", statics, None, tables)
    with pytest.raises(ValueError, match="cannot be read"):
        _native.Decision(b"\xff", statics, None, tables)
    with pytest.raises(ValueError, match="does not belong"):
        _native.Static(native.chunks, b"", SEED)
    with pytest.raises(ValueError, match="cut off"):
        _native.Static(native.chunks[:-1], dump_static(view.index.snapshot), SEED)
    with pytest.raises(ValueError, match="cost"):
        _native.Tables([1, 2, 3])
    draw = random.Random(4)
    refused = 0
    for _ in range(2000):
        damaged = bytearray(message)
        damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        try:
            decision = _native.Decision(bytes(damaged), statics, None, tables)
        except ValueError:
            refused += 1
        else:
            asker = Client(RESOLVERS[0], Transport.UDP)
            _native.Answerer(decision).answer(plain_query(b"\x03www\x07example\x04test\x00", 1), asker, 0)
    assert refused > 100
