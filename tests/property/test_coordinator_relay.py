"""Relaying among coordinators: whoever hears a report first, all end with the same facts, and the relaying ends."""

from __future__ import annotations

from contextlib import ExitStack

from hypothesis import given
from hypothesis import strategies as st
from support.hubs import Clock, make_hub, publication

from gslb.codec.facts import load_report
from gslb.coordinator.relay.hub import Hub
from gslb.coordinator.relay.outbox import Outbox
from gslb.core.facts import NO_FACTS, AgentId, Report, digest, merge

COORDINATORS = 4
AGENTS = [AgentId("us/a"), AgentId("us/b"), AgentId("eu/a")]
REPORTS = st.builds(
    Report,
    agent=st.sampled_from(AGENTS),
    boot=st.integers(1, 2),
    sequence=st.integers(1, 9),
    layout=st.just(b"12345678"),
    states=st.binary(min_size=1, max_size=2),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("report"), st.integers(0, COORDINATORS - 1), REPORTS),
        st.tuples(st.just("deliver"), st.integers(0, COORDINATORS - 1), st.integers(0, COORDINATORS - 1)),
    ),
    max_size=40,
)


class Mesh:
    """Coordinators that all listen to each other; what is told travels when a step says so."""

    def __init__(self, stack: ExitStack) -> None:
        self.hubs = [make_hub(Clock()) for _ in range(COORDINATORS)]
        for hub in self.hubs:
            hub.publish(publication(1, "us", "eu"))
            for agent in AGENTS:
                hub.hello(agent, "1")
        self.outboxes = {
            (one, other): stack.enter_context(hub.overheard())
            for one, hub in enumerate(self.hubs)
            for other in range(COORDINATORS)
            if one != other
        }
        self.told = 0

    def deliver(self, one: int, other: int) -> bool:
        """All that waits to go from one to another; False if nothing does."""
        if one == other:
            return False
        reports = reports_in(self.outboxes[one, other])
        self.told += len(reports)
        self.hubs[other].relay(reports)
        return bool(reports)

    def deliver_all(self) -> None:
        """Until nothing is on its way; that this returns is half of what is tested."""
        while sum(self.deliver(*way) for way in self.outboxes):
            pass

    def compare(self) -> None:
        """What a beat leads to: who knows otherwise is told all. Late news can have undone nothing but itself."""
        for one, other in self.outboxes:
            if digest(self.hubs[one].facts) != digest(self.hubs[other].facts):
                self.hubs[other].relay(self.hubs[one].facts.reports.values())


def reports_in(outbox: Outbox) -> list[Report]:
    found = [message.facts for message in iter(outbox.pop, None) if message.HasField("facts")]
    return [load_report(report) for update in found for report in update.reports]


@given(STEPS)
def test_relaying_ends_and_all_know_the_same(steps: list[tuple[str, int, Report | int]]) -> None:
    with ExitStack() as stack:
        mesh, expected, reported = Mesh(stack), NO_FACTS, 0
        for _, at, what in steps:
            if isinstance(what, Report):
                mesh.hubs[at].report(what)
                expected, reported = merge(expected, what), reported + 1
            else:
                mesh.deliver(at, what)
        mesh.deliver_all()
        mesh.compare()
        mesh.deliver_all()
        assert {digest(hub.facts) for hub in mesh.hubs} == {digest(expected)}
        assert mesh.told <= reported * COORDINATORS * (COORDINATORS - 1)


@given(st.lists(REPORTS, max_size=20))
def test_what_says_nothing_new_is_not_relayed(reports: list[Report]) -> None:
    hub = mesh_of_one(reports)
    with hub.overheard() as outbox:
        reports_in(outbox)
        for sequence, report in enumerate(hub.facts.reports.values(), start=100):
            same = Report(
                agent=report.agent, boot=report.boot, sequence=sequence, layout=report.layout, states=report.states
            )
            hub.report(same)
            hub.relay([same])
        assert reports_in(outbox) == []


def mesh_of_one(reports: list[Report]) -> Hub:
    hub = make_hub(Clock())
    hub.publish(publication(1, "us", "eu"))
    for report in reports:
        hub.hello(report.agent, "1")
        hub.report(report)
    return hub
