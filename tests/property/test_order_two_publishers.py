"""Two coordinators, one ahead of the other at any moment: what a dns server has in force never falls."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st
from support.dnsworld import facts_of, world
from support.saved import received_of

from dns_server.engines.python import PythonEngine
from dns_server.received import Directions, Received
from dns_server.replica import Replica
from dns_server.trial import try_out
from gslb.api.v1.facts_pb2 import Envelope
from gslb.codec.facts import dump_directives, dump_order
from gslb.codec.sealing import ANYBODY
from gslb.core.directives import Directives
from gslb.core.order import Order

REVISIONS = range(1, 4)
ENGINE = PythonEngine(entropy=1)
STEPS = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from(["config", "directive", "tell config", "tell directives"])),
    max_size=12,
)


@cache
def received(order: Order) -> Received:
    return received_of(replace(world(), order=order))


class Coordinator:
    """Follows a store: goes on to a later revision when it gets round to it, and tells what it has in force."""

    def __init__(self) -> None:
        self.order = Order(7, 1, 0)

    def snapshot(self) -> Received:
        return received(replace(self.order, directive=0))

    def directions(self) -> Directions:
        directives = Directives(revision=self.order.directive)
        payload = dump_directives(directives).SerializeToString(deterministic=True)
        return Directions.unpack(Envelope(payload=payload, order=dump_order(self.order)), ANYBODY)


@settings(max_examples=40)
@given(STEPS)
def test_the_order_of_a_dns_server_never_falls(steps: list[tuple[int, str]]) -> None:
    coordinators = Coordinator(), Coordinator()
    replica = Replica(lambda view: None, lambda kind, dump: None)
    replica.take_reports(facts_of(world()).reports.values())
    for at, step in steps:
        coordinator, before = coordinators[at], replica.order
        match step:
            case "config":
                later = min(coordinator.order.config + 1, REVISIONS[-1])
                coordinator.order = replace(coordinator.order, config=later)
            case "directive":
                coordinator.order = replace(coordinator.order, directive=coordinator.order.directive + 1)
            case "tell config":
                is_older = replica.is_older(coordinator.order)
                passed = try_out(coordinator.snapshot(), replica.premises, ENGINE)
                assert replica.take_snapshot(passed) is not is_older
            case _:
                is_older = coordinator.order.directive < before.directive
                assert replica.take_directions(coordinator.directions()) is not is_older
        assert replica.order.config >= before.config
        assert replica.order.directive >= before.directive
