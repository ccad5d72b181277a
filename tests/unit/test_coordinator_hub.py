"""Time at the hub, by a clock that tests move: who is silent, whose decision differs, who is forgotten."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from support.hubs import US1, US2, Clock, make_hub, publication, register, reporting

from gslb.codec.facts import load_order
from gslb.coordinator.admin.decider import Concluded, Decider
from gslb.coordinator.relay.agents import MAX_AGENTS_PER_SITE, Agents
from gslb.coordinator.relay.dns_servers import MAX_DNS_SERVERS, DnsServers
from gslb.coordinator.relay.evidence import Evidence, Sheet
from gslb.coordinator.relay.hub import SOON_S
from gslb.core.directives import Directives
from gslb.core.facts import AgentId
from gslb.core.order import Order


def test_an_agent_is_silent_after_three_missed_beats() -> None:
    clock = Clock()
    hub = make_hub(clock)
    hub.publish(publication(1, "us"))
    assert hub.hello(US1, "1")
    assert hub.presence.silent() == frozenset()
    hub.report(register(US1))
    clock.now_s += 3.0
    assert hub.presence.silent() == frozenset()
    clock.now_s += 0.1
    assert hub.presence.silent() == {US1}
    hub.report(register(US1, 2))
    assert hub.presence.silent() == frozenset()


async def test_a_silent_agent_that_is_heard_again_is_told_without_waiting_for_the_beat() -> None:
    clock = Clock()
    hub = reporting(clock, US1)
    clock.now_s += 3.1
    with hub.subscribed("d") as outbox:
        sent = [(await outbox.next()).WhichOneof("message") for _ in range(3)]
        assert sent == ["facts", "directives", "manifest"]
        hub.report(register(US1, 2))
        assert list((await outbox.next()).beat.heard) == [US1]


async def test_a_beat_says_for_how_long_agents_have_been_silent() -> None:
    clock = Clock()
    hub = reporting(clock, US1, US2)
    with hub.subscribed("d") as outbox:
        for age_s, told in ((3.5, (US1, 0)), (7.0, (US1, 7000))):
            clock.now_s += age_s
            hub.report(register(US2, round(clock.now_s * 10)))
            hub.beat()
            while (message := await outbox.next()).WhichOneof("message") != "beat":
                pass
            assert [(one.agent, one.for_ms) for one in message.beat.silent] == [told]
    assert hub.publication is not None
    assert hub.presence.silence(hub.publication.snapshot.model) == {US1: 0}  # no monitor has a limit


def test_agents_that_come_back_together_cost_one_beat_and_not_one_each() -> None:
    clock = Clock()
    hub = make_hub(clock)
    hub.publish(publication(1, "us"))
    agents = [AgentId(f"us/a{number}") for number in range(20)]
    for agent in agents:
        hub.hello(agent, "1")
    clock.now_s += 10
    with hub.subscribed("d") as outbox:
        told = []
        for number, agent in enumerate(agents):
            clock.now_s += SOON_S if number == len(agents) - 1 else 0
            hub.report(register(agent))
            told += [len(message.beat.heard) for message in iter(outbox.pop, None) if message.HasField("beat")]
    assert told == [1, len(agents)]


def test_agents_are_not_silent_because_this_coordinator_was_stopped() -> None:
    clock = Clock()
    hub = reporting(clock, US1, US2)
    hub.agents.beat()
    clock.now_s += 30
    assert hub.presence.silent() == frozenset()
    for _ in range(4):
        hub.agents.beat()
        clock.now_s += 1
        hub.report(register(US2, round(clock.now_s)))
    assert hub.presence.silent() == {US1}, "time counts again"


def test_nobody_is_heard_in_the_future_because_a_beat_was_late() -> None:
    clock = Clock()
    agents = Agents(clock)
    agents.hello(US1, "1")
    agents.beat()
    clock.now_s += 1.9
    agents.heard(US1)
    clock.now_s += 0.2
    assert agents.age_s(US1) == 0
    agents.beat()
    clock.now_s += 1
    assert agents.age_s(US1) == pytest.approx(1)


async def test_a_decision_is_made_again_only_when_something_changed() -> None:
    clock = Clock()
    hub = make_hub(clock)
    decider = Decider(hub)
    assert await decider.conclude() is None
    hub.publish(publication(1, "us"))
    first = await decider.conclude()
    again = await decider.conclude()
    assert isinstance(first, Concluded)
    assert again is not None
    assert again.decision is first.decision
    hub.direct(Directives(revision=1))
    moved = await decider.conclude()
    assert moved is not None
    assert moved.order == Order(7, 1, 1)


def test_reports_of_agents_that_never_said_hello_are_dropped() -> None:
    hub = make_hub(Clock())
    hub.report(register(US1))
    assert not hub.facts.reports


def test_a_full_site_takes_a_new_agent_in_place_of_a_silent_one() -> None:
    clock = Clock()
    hub = make_hub(clock)
    names = [AgentId(f"us/a{number}") for number in range(MAX_AGENTS_PER_SITE)]
    for name in names:
        assert hub.hello(name, "1")
        hub.report(register(name))
    assert not hub.hello(AgentId("us/new"), "1")
    assert hub.hello(AgentId("eu/new"), "1")
    clock.now_s += 10
    for name in names[1:]:
        hub.report(register(name, 2))
    assert hub.hello(AgentId("us/new"), "1")
    assert names[0] not in hub.facts.reports
    assert len(hub.facts.reports) == MAX_AGENTS_PER_SITE - 1


def test_orders_never_fall() -> None:
    hub = make_hub(Clock())
    hub.publish(publication(2))
    for revision in (1, 2):
        with pytest.raises(ValueError, match="is not above"):
            hub.publish(publication(revision))
    hub.direct(Directives(revision=3))
    with pytest.raises(ValueError, match="are not above"):
        hub.direct(Directives(revision=2))
    assert hub.order == Order(7, 2, 3)


def test_chunks_of_this_and_the_last_bundle_are_at_hand() -> None:
    hub = make_hub(Clock())
    for revision in (1, 2, 3):
        hub.publish(publication(revision))
    assert [hub.chunk(bytes([revision])) for revision in (1, 2, 3)] == [None, b"chunk", b"chunk"]


def test_a_lasting_difference_of_decisions_is_noted() -> None:
    clock = Clock()
    servers = DnsServers(clock)
    server = servers.connect("d1", "python", "1", Order())
    assert server is not None
    ours = Order(7, 1, 0)
    servers.status(server, ours, b"other", 0)
    servers.compare([(ours, b"mine")])
    assert server.differs_since_s == 1_000.0
    clock.now_s += 2
    servers.compare([(ours, b"mine")])
    assert server.differs_since_s == 1_000.0
    servers.status(server, ours, b"mine", 0)
    servers.compare([(ours, b"newer")])
    assert server.differs_since_s is None, "what we decided a moment ago is no difference"
    servers.status(server, Order(7, 2, 0), b"unknown", 0)
    servers.compare([(ours, b"newer")])
    assert server.differs_since_s is None, "of an order we do not have nothing can be said"


def test_what_a_dns_server_refuses_is_held_against_it_until_it_takes_it() -> None:
    """Also if it serves the same, as when only the key that signs is another."""
    servers, same = DnsServers(Clock()), Order(7, 1, 1)
    server = servers.connect("d1", "python", "1", same)
    assert server is not None
    servers.refuse(server, same, "unknown key")
    servers.refuse(server, Order(7, 1, 0), "unknown key")
    servers.status(server, same, b"", 0)
    servers.accept(server, Order(7, 1, 0))
    assert server.refused == (same, "unknown key")
    servers.accept(server, same)
    assert server.refused is None
    servers.refuse(server, Order(7, 2, 0), "too large")
    servers.status(server, Order(7, 3, 0), b"", 0)
    assert server.refused is None


def test_there_is_room_for_so_many_dns_servers() -> None:
    servers = DnsServers(Clock())
    for number in range(MAX_DNS_SERVERS):
        assert servers.connect(str(number), "", "", Order()) is not None
    assert servers.connect("one too many", "", "", Order()) is None
    assert servers.connect("0", "", "", Order()) is not None


def test_evidence_belongs_to_its_layout() -> None:
    agents = Agents(Clock())
    agents.hello(US1, "1")
    assert agents.witness(US1, b"layout-1", 2, sheet({0: "a", 2: "b"})) == 1
    told = Evidence(detail="a", latency_us=1, verdict_age_ms=2, probe_age_ms=3, flaps=4, received_s=5.0)
    assert agents.evidence(US1, b"layout-1", 0) == told
    assert agents.evidence(US1, b"layout-1", 1) is None
    assert agents.evidence(US1, b"layout-2", 0) is None
    assert agents.witness(US1, b"layout-2", 2, sheet({1: "a"})) == 0
    assert agents.evidence(US1, b"layout-1", 0) is None
    assert agents.witness(US2, b"layout-1", 2, sheet({0: "a"})) == 0


def sheet(details: Mapping[int, str]) -> Sheet:
    count = len(details)
    return Sheet(
        targets=tuple(details),
        texts=tuple(details.values()),
        details=tuple(range(count)),
        latencies_us=(1,) * count,
        verdict_ages_ms=(2,) * count,
        probe_ages_ms=(3,) * count,
        flaps=(4,) * count,
        received_s=5.0,
    )


def test_newer_evidence_counts_and_the_rest_stays() -> None:
    agents = Agents(Clock())
    agents.hello(US1, "1")
    for told in ({0: "a", 1: "b"}, {1: "c"}):
        agents.witness(US1, b"layout-1", 2, sheet(told))
    found = [agents.evidence(US1, b"layout-1", target) for target in range(3)]
    assert [evidence.detail if evidence is not None else None for evidence in found] == ["a", "c", None]


async def test_without_a_configuration_nothing_is_directed() -> None:
    hub = make_hub(Clock())
    drained = Directives(revision=1, overrides=())
    with hub.subscribed("d") as outbox:
        hub.direct(drained)
        hub.beat()
        assert (await outbox.next()).WhichOneof("message") == "beat"
        hub.publish(publication(1, "us"))
        sent = [await outbox.next() for _ in range(2)]
        assert [message.WhichOneof("message") for message in sent] == ["directives", "manifest"]
        assert load_order(sent[0].directives.order) == Order(7, 1, 1)
        hub.publish(publication(2, "us"))
        assert (await outbox.next()).WhichOneof("message") == "manifest"
