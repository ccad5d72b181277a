"""The native engine with many pools: one that changes leaves the others, and the decision before, what they were."""

from __future__ import annotations

from functools import cache
from ipaddress import ip_address

import pytest
from support.dnsworld import facts_of, make_snapshot
from support.nativeworld import Native, both, plain_query

from dns_server import _native
from gslb.core.answering.view import build_view
from gslb.core.decision import Decision
from gslb.core.directives import NO_DIRECTIVES
from gslb.core.silence import NO_SILENCE
from gslb.core.snapshot import Snapshot
from gslb.core.steering.decide import decide

POOLS = 50
POOL = (
    "  - {{name: p{number}, site: eu, monitor: web, "
    "members: [{{name: m, address: 192.0.2.{number}}}, {{name: n, address: 192.0.3.{number}}}]}}"
)
RESOLVER = ip_address("192.0.2.7")


@cache
def snapshot() -> Snapshot:
    """A service a pool."""
    config = (
        "zones: [{name: example.test, nameservers: [ns1.elsewhere.test], contact: ops@example.test}]",
        "sites: [{name: eu}]",
        "monitors: [{name: web, type: tcp, port: 80}]",
        "pools:",
        *(POOL.format(number=number) for number in range(POOLS)),
        "services:",
        *(f"  - {{name: s{number}.example.test, pools: [p{number}]}}" for number in range(POOLS)),
    )
    return make_snapshot("\n".join(config))


def decided(down: list[str], before: Decision | None = None) -> Decision:
    return decide(snapshot(), NO_DIRECTIVES, facts_of(snapshot(), down), NO_SILENCE, before)


def compare(answerer: _native.Answerer, decision: Decision) -> None:
    view = build_view(snapshot()).with_decision(decision)
    for service in snapshot().model.services:
        expected, said = both(answerer, view, plain_query(service.name.wire, 1), RESOLVER)
        assert said == expected, service.name


@pytest.mark.parametrize("number", [0, 15, 16, 17, 32, POOLS - 1])
def test_a_pool_that_changes_leaves_all_else_as_it_was(number: int) -> None:
    before = decided([])
    native = Native(build_view(snapshot()).with_decision(before))
    other = (number + 1) % POOLS
    for down in ([f"p{number}/m"], [f"p{number}/m", f"p{number}/n"], [f"p{other}/m", f"p{number}/n"], []):
        answerer, decision = native.answerer, decided(down, before)
        native.take(decision)
        compare(native.answerer, decision)
        compare(answerer, before)
        before = decision
