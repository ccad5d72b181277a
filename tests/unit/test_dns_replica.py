"""What the dns server knows and concludes: order never falls, reports merge or wait, silence is concluded with care."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import pytest
from support.dnsworld import CONFIG, addresses, ask, facts_of, make_snapshot, world
from support.saved import received_of

from dns_server import replica as replica_module
from dns_server.engines.python import PythonEngine
from dns_server.files import Kind
from dns_server.received import Directions, Received, dump_facts, load_facts
from dns_server.replica import Replica
from dns_server.saver import Dump
from dns_server.trial import try_out
from gslb.api.v1.facts_pb2 import Envelope
from gslb.codec.facts import dump_directives, dump_order
from gslb.codec.sealing import ANYBODY
from gslb.core.answering.view import View
from gslb.core.directives import Action, Directives, ForgottenAgent, Override, Scope, ScopeKind
from gslb.core.errors import InvalidSnapshot
from gslb.core.facts import AgentId, Facts, Report, digest
from gslb.core.order import Order
from gslb.core.snapshot import Snapshot
from gslb.core.steering.decide import decide

EU, US = AgentId("eu/1"), AgentId("us/1")


def directions_of(order: Order, *overrides: Override, forgotten: tuple[ForgottenAgent, ...] = ()) -> Directions:
    directives = Directives(revision=order.directive, overrides=overrides, forgotten=forgotten)
    payload = dump_directives(directives).SerializeToString()
    return Directions.unpack(Envelope(payload=payload, order=dump_order(order)), ANYBODY)


def drain(site: str) -> Override:
    return Override(
        scope=Scope(ScopeKind.SITE, site), action=Action.DRAIN, who="me", why="test", since_unix_s=0, until_unix_s=None
    )


@dataclass
class Held:
    """A replica with what it published and saved."""

    views: list[View] = field(default_factory=list)
    saved: dict[Kind, Dump] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.replica = Replica(self.views.append, self.saved.__setitem__)

    def take_snapshot(self, snapshot: Snapshot) -> bool:
        return self.replica.take_snapshot(
            try_out(received_of(snapshot), self.replica.premises, PythonEngine(entropy=1))
        )

    def report(self, facts: Facts) -> None:
        self.replica.take_reports(facts.reports.values())

    def www(self) -> set[str]:
        """Of a client in London."""
        return set(addresses(ask("www.example.test", "A", "81.2.69.0/24", at=self.views[-1])))


@pytest.fixture
def held() -> Held:
    held = Held()
    assert held.take_snapshot(world())
    held.report(facts_of(world()))
    return held


def test_a_report_changes_the_answer_in_the_same_turn(held: Held) -> None:
    assert held.www() == {"192.0.2.1"}
    held.report(facts_of(world(), down=("eu/e1", "broken/b"), sequence=2))
    assert held.www() != {"192.0.2.1"}
    held.report(facts_of(world(), sequence=3))
    assert held.www() == {"192.0.2.1"}


def test_partial_decisions_equal_whole_ones(held: Held) -> None:
    for sequence, down in enumerate(((), ("eu/e1",), ("us/u1", "us/u2"), ("broken/b",)), start=2):
        held.report(facts_of(world(), down=down, sequence=sequence))
        premises = held.replica.premises
        whole = decide(held.views[-1].index.snapshot, premises.directives, premises.facts, premises.silent)
        assert held.replica.decision_digest == whole.digest


def test_a_report_without_news_decides_and_publishes_nothing(held: Held) -> None:
    views, decisions = len(held.views), held.replica.progress.decisions
    held.saved.clear()
    held.report(facts_of(world(), sequence=99))
    assert (len(held.views), held.replica.progress.decisions) == (views, decisions)
    assert held.saved == {}
    assert held.replica.facts.reports[EU].sequence == 99


def test_late_reports_lose(held: Held) -> None:
    held.report(facts_of(world(), sequence=5))
    held.report(facts_of(world(), down=("eu/e1",), sequence=4))
    assert held.www() == {"192.0.2.1"}
    assert held.replica.progress.reports["late"] == 2


def test_a_snapshot_never_falls_back(held: Held) -> None:
    assert held.take_snapshot(make_snapshot(order=Order(1, 3, 0)))
    assert not held.take_snapshot(make_snapshot(order=Order(1, 2, 9)))
    assert held.replica.order == Order(1, 3, 0)
    assert held.replica.progress.refused == {"older snapshot": 1}
    assert held.take_snapshot(make_snapshot(order=Order(2, 1, 0)))
    assert held.replica.order == Order(2, 1, 0)


def test_directives_never_fall_back(held: Held) -> None:
    assert held.replica.take_directions(directions_of(Order(1, 1, 5), drain("eu")))
    assert held.www() != {"192.0.2.1"}
    assert held.replica.order == Order(1, 1, 5)
    assert not held.replica.take_directions(directions_of(Order(1, 9, 4)))
    assert held.www() != {"192.0.2.1"}
    assert held.replica.progress.refused == {"older directives": 1}
    assert held.replica.take_directions(directions_of(Order(1, 1, 6)))
    assert held.www() == {"192.0.2.1"}


def test_order_never_falls_when_the_store_is_restored(held: Held) -> None:
    """Whichever of directives and snapshot of the new incarnation comes first."""
    orders = [held.replica.order]
    held.replica.take_directions(directions_of(Order(1, 1, 5)))
    orders.append(held.replica.order)
    held.replica.take_directions(directions_of(Order(2, 1, 0), drain("eu")))
    orders.append(held.replica.order)
    assert not held.take_snapshot(make_snapshot(order=Order(1, 7, 0)))
    held.take_snapshot(make_snapshot(order=Order(2, 1, 0)))
    orders.append(held.replica.order)
    assert orders == sorted(orders)
    assert orders[-1] == Order(2, 1, 0)


def test_directives_of_a_later_incarnation_wait_for_its_snapshot(held: Held) -> None:
    held.replica.take_directions(directions_of(Order(1, 1, 5)))
    assert held.replica.take_directions(directions_of(Order(2, 1, 3), drain("eu")))
    assert held.www() == {"192.0.2.1"}
    assert held.replica.order == Order(1, 1, 5)
    assert not held.replica.take_directions(directions_of(Order(1, 1, 6))), "they are of a store that was replaced"
    assert held.take_snapshot(make_snapshot(order=Order(2, 1, 0)))
    assert held.www() != {"192.0.2.1"}
    assert held.replica.order == Order(2, 1, 3)
    saved = Directions.load(b"".join(held.saved[Kind.DIRECTIVES]()), ANYBODY)
    assert saved.order == Order(2, 1, 3)


@pytest.mark.parametrize("order", [Order(1, 1, 5), Order(2, 1, 5)], ids=["at once", "with the snapshot they wait for"])
def test_what_a_forgotten_agent_said_counts_no_more_whoever_tells_it(held: Held, order: Order) -> None:
    held.report(facts_of(world(), down=("eu/e1",), sequence=2))
    assert held.www() != {"192.0.2.1"}
    gone = ForgottenAgent(agent=EU, boot=held.replica.facts.reports[EU].boot, since_unix_s=1)
    held.replica.take_directions(directions_of(order, forgotten=(gone,)))
    if order.incarnation == 2:
        held.take_snapshot(make_snapshot(order=Order(2, 1, 0)))
    assert EU not in held.replica.facts.reports
    assert EU not in load_facts(b"".join(held.saved[Kind.FACTS]())).reports
    held.report(facts_of(world(), down=("eu/e1",), sequence=3))
    assert held.www() == {"192.0.2.1"}
    assert held.replica.progress.reports["forgotten"] == 1
    whole = decide(held.views[-1].index.snapshot, held.replica.premises.directives, held.replica.facts, {})
    assert held.replica.decision_digest == whole.digest
    held.report(Facts({EU: replace(facts_of(world(), down=("eu/e1",)).reports[EU], boot=gone.boot + 1)}))
    assert held.www() != {"192.0.2.1"}


def test_a_register_that_waits_for_its_layout_is_forgotten_too(held: Held) -> None:
    waiting = replace(facts_of(world(), sequence=9).reports[EU], layout=bytes(8))
    held.report(Facts({EU: waiting}))
    gone = ForgottenAgent(agent=EU, boot=waiting.boot, since_unix_s=1)
    held.replica.take_directions(directions_of(Order(1, 1, 5), forgotten=(gone,)))
    assert EU not in held.replica.facts.reports


def test_directives_in_an_envelope_of_another_order_are_refused() -> None:
    payload = dump_directives(Directives(revision=4)).SerializeToString()
    with pytest.raises(InvalidSnapshot, match=r"directives 4 in an envelope of 1\.1\.5"):
        Directions.unpack(Envelope(payload=payload, order=dump_order(Order(1, 1, 5))), ANYBODY)


def test_break_glass_beats_directives_and_outlives_new_ones(held: Held) -> None:
    held.replica.take_break_glass((drain("eu"),))
    assert held.www() != {"192.0.2.1"}
    held.replica.take_directions(directions_of(Order(1, 1, 5), replace(drain("eu"), action=Action.FORCE_UP)))
    assert held.take_snapshot(make_snapshot(order=Order(1, 2, 0)))
    assert held.www() != {"192.0.2.1"}
    held.replica.take_break_glass(())
    assert held.www() == {"192.0.2.1"}


def test_break_glass_for_what_is_not_there_is_told(held: Held) -> None:
    held.replica.take_break_glass((drain("eu"), drain("nowhere")))
    assert held.replica.unknown_scopes() == (Scope(ScopeKind.SITE, "nowhere"),)


def test_a_snapshot_on_trial_while_reports_go_on_serves_by_the_newest(held: Held) -> None:
    passed = try_out(received_of(make_snapshot(order=Order(1, 2, 0))), held.replica.premises, PythonEngine(entropy=1))
    held.report(facts_of(world(), down=("eu/e1",), sequence=2))
    held.replica.take_directions(directions_of(Order(1, 1, 1), drain("us")))
    assert held.replica.take_snapshot(passed)
    premises = held.replica.premises
    whole = decide(passed.index.snapshot, premises.directives, premises.facts, premises.silent)
    assert held.replica.decision_digest == whole.digest


def test_reports_wait_for_the_snapshot_that_brings_their_layout(held: Held) -> None:
    later = make_snapshot(
        CONFIG.replace("members: [{name: e1,", "members: [{name: e2, address: 192.0.2.2}, {name: e1,"), Order(1, 2, 0)
    )
    held.report(facts_of(later, down=("eu/e1",), sequence=7))
    assert held.replica.progress.reports["held"] == 1
    assert held.www() == {"192.0.2.1"}, "the report that can be read still counts"
    assert digest(held.replica.facts) == digest(facts_of(later, down=("eu/e1",), sequence=7)), "but it is known"
    assert held.take_snapshot(later)
    assert held.www() == {"192.0.2.2"}


def test_reports_before_the_first_snapshot_wait_too() -> None:
    held = Held()
    held.report(facts_of(world(), down=("eu/e1",)))
    assert held.views == []
    assert held.take_snapshot(world())
    assert held.www() != {"192.0.2.1"}


def test_only_so_many_agents_are_remembered(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica_module, "MAX_AGENTS", 3)
    for number in range(5):
        agent = AgentId(f"eu/x{number}")
        held.replica.take_reports([Report(agent=agent, boot=1, sequence=1, layout=b"unknown!", states=b"")])
    assert len(held.replica.facts.reports) == 3
    assert held.replica.progress.reports["too many agents"] == 4


def test_agents_of_sites_that_are_no_more_are_forgotten(held: Held) -> None:
    other = world()
    sites = tuple(site for site in other.model.sites if site.name != "eu")
    pools = tuple(replace(pool, site=None) if pool.site == "eu" else pool for pool in other.model.pools)
    layouts = tuple(layout for layout in other.layouts if layout.site != "eu")
    model = replace(other.model, sites=sites, pools=pools)
    assert held.take_snapshot(replace(other, model=model, layouts=layouts, order=Order(1, 2, 0)))
    assert set(held.replica.facts.reports) == {US}


def test_what_is_saved_can_be_served_again(held: Held) -> None:
    held.report(facts_of(world(), down=("eu/e1",), sequence=2))
    held.replica.take_directions(directions_of(Order(1, 1, 3), drain("us")))
    again = Held()
    again.replica.take_reports(load_facts(b"".join(held.saved[Kind.FACTS]())).reports.values())
    again.replica.take_directions(Directions.load(b"".join(held.saved[Kind.DIRECTIVES]()), ANYBODY))
    received = Received.load(b"".join(received_of(world()).dump()), ANYBODY)
    again.replica.take_snapshot(try_out(received, again.replica.premises, PythonEngine(entropy=1)))
    assert again.replica.decision_digest == held.replica.decision_digest != b""
    assert again.replica.order == held.replica.order == Order(1, 1, 3)


def test_facts_survive_their_file() -> None:
    facts = facts_of(world(), down=("eu/e1",), sequence=9)
    assert load_facts(b"".join(dump_facts(facts))) == facts


@pytest.mark.parametrize(
    "load", [partial(Received.load, trust=ANYBODY), partial(Directions.load, trust=ANYBODY), load_facts]
)
def test_damaged_content_is_refused(load: Callable[[bytes], object]) -> None:
    for content in (b"\xff" * 40, b"\x00\x00\xff\xff"):
        with pytest.raises(InvalidSnapshot):
            load(content)


# Silence


def test_a_silent_site_keeps_its_last_verdicts(held: Held) -> None:
    held.report(facts_of(world(), down=("eu/e1",), sequence=2))
    before = held.www()
    held.replica.take_silent({EU: 0.0, US: 0.0}, 0.0)
    assert held.www() == before


def test_verdicts_lapse_once_a_site_has_been_silent_for_as_long_as_its_monitor_says(held: Held) -> None:
    fading = CONFIG.replace("type: tcp, port: 80", "type: tcp, port: 80, unknown: {down_after: 60s}")
    assert held.take_snapshot(make_snapshot(fading, order=Order(1, 2, 0)))
    assert held.www() == {"192.0.2.1"}
    held.replica.take_silent({EU: 0.0}, 100.0)
    held.replica.take_silent({EU: 0.0}, 159.9)
    assert held.www() == {"192.0.2.1"}
    held.replica.take_silent({EU: 0.0}, 160.0)
    assert held.www() != {"192.0.2.1"}
    held.replica.take_silent({}, 161.0)
    assert held.www() == {"192.0.2.1"}


def test_who_was_cut_off_makes_no_verdict_lapse_that_others_have_just_renewed(held: Held) -> None:
    fading = CONFIG.replace("type: tcp, port: 80", "type: tcp, port: 80, unknown: {down_after: 60s}")
    assert held.take_snapshot(make_snapshot(fading, order=Order(1, 2, 0)))
    held.replica.take_silent({}, 2.0)
    held.replica.take_silent({EU: 61.0}, 3.0)
    assert held.www() == {"192.0.2.1"}


def test_a_restarted_dns_server_believes_how_long_an_agent_has_been_silent(held: Held) -> None:
    fading = CONFIG.replace("type: tcp, port: 80", "type: tcp, port: 80, unknown: {down_after: 60s}")
    assert held.take_snapshot(make_snapshot(fading, order=Order(1, 2, 0)))
    held.replica.take_silent({EU: 61.0}, 3.0)
    assert held.www() != {"192.0.2.1"}
