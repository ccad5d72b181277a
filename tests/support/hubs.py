"""Hubs with nothing behind them: a clock that tests move, publications of named sites, registers."""

from __future__ import annotations

from types import MappingProxyType

from prometheus_client import CollectorRegistry
from support.nothing import NOTHING

from gslb.api.v1 import health_pb2
from gslb.codec.snapshot import Bundle
from gslb.coordinator.metrics import Metrics
from gslb.coordinator.relay.hub import Hub
from gslb.coordinator.relay.publication import Publication
from gslb.core.answering.view import build_view
from gslb.core.compile import compile_snapshot
from gslb.core.facts import AgentId, Report
from gslb.core.order import Order

US1, US2 = AgentId("us/a1"), AgentId("us/a2")


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def make_hub(clock: Clock, settle_s: float = 0.0, registry: CollectorRegistry | None = None) -> Hub:
    metrics = Metrics(registry if registry is not None else CollectorRegistry())
    return Hub(incarnation=7, clock=clock, metrics=metrics, settle_s=settle_s)


def publication(revision: int, *sites: str) -> Publication:
    snapshot = compile_snapshot(NOTHING, {}, order=Order(7, revision, 0), serials={}, earlier=(), seed=1)
    assignments = {site: health_pb2.Assignment() for site in sites}
    return Publication(
        snapshot=snapshot,
        bundle=Bundle(b"manifest", MappingProxyType({bytes([revision]): b"chunk"})),
        index=build_view(snapshot),
        assignments=assignments,
    )


def register(agent: AgentId, sequence: int = 1, states: bytes = b"\x05", boot: int = 1) -> Report:
    return Report(agent=agent, boot=boot, sequence=sequence, layout=b"12345678", states=states)


def reporting(clock: Clock, *agents: AgentId, registry: CollectorRegistry | None = None) -> Hub:
    """A hub with the site us, whose `agents` have reported."""
    hub = make_hub(clock, registry=registry)
    hub.publish(publication(1, "us"))
    for agent in agents:
        hub.hello(agent, "1")
        hub.report(register(agent))
    return hub
