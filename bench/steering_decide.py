"""How long a decision takes: 1,000 services that share 20 pools, 250 classes each, after one server's change.

    python bench/steering_decide.py [--services 1000] [--classes 250] [--own-pools] [--own-policies]

`--own-pools`: services bind 400 different selections of pools at other sites, so that hardly a row is shared between
services. `--own-policies`: each has its chain written in place. Prints CPU milliseconds; the partial decisions are
checked against whole ones.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable
from functools import partial
from ipaddress import ip_address
from typing import TypeVar

from gslb.core.directives import NO_DIRECTIVES
from gslb.core.facts import NO_FACTS, AgentId, Cause, Facts, Report, State, Verdict, merge
from gslb.core.layouts import layouts
from gslb.core.model import (
    AllDown,
    AllDownKind,
    EcsTrust,
    Endpoint,
    GeoSources,
    Member,
    MinHealthy,
    Model,
    Policy,
    Pool,
    Service,
    Site,
)
from gslb.core.monitors import Monitor, TcpProbe
from gslb.core.names import Name
from gslb.core.order import Order
from gslb.core.silence import NO_SILENCE
from gslb.core.snapshot import ClassMap, RangeMap, Snapshot
from gslb.core.steering.cohorts import tabulate
from gslb.core.steering.decide import changed_endpoints, decide
from gslb.core.steering.outline import outline
from gslb.core.steering.shares import scale
from gslb.core.steering.stages.geo import Geo, GeoRule, Match
from gslb.core.steering.stages.weighted import Weighted

Result = TypeVar("Result")

SITES, MEMBERS, RULES = 20, 5, 20
SLOTS = tuple(f"slot{number}" for number in range(6))
ZONE = Name.from_text("gslb.example.com")
UP, DOWN = State(Verdict.UP, Cause.OK).octet, State(Verdict.DOWN, Cause.REFUSED).octet


def timed(what: str, work: Callable[[], Result]) -> Result:
    start = time.process_time()
    result = work()
    print(f"{what:<44} {1e3 * (time.process_time() - start):8.1f} ms")
    return result


def make_snapshot(services: int, classes: int, own_pools: bool, own_policies: bool) -> Snapshot:
    policies = [f"geo{number}" for number in range(services if own_policies else 1)]
    endpoints = [make_endpoint(site, member) for site in range(SITES) for member in range(MEMBERS)]
    monitor = Monitor(
        name="web",
        port=443,
        interval_ms=2000,
        timeout_ms=1000,
        fall=2,
        rise=3,
        ok=3,
        hold_ms=10_000,
        crash=True,
        probe=TcpProbe(tls=False, verify=False, sni=None),
    )
    model = Model(
        zones=(),
        sites=tuple(Site(name=f"site{site}", location=None, tags=(), probe_allow=()) for site in range(SITES)),
        monitors=(monitor,),
        endpoints=tuple(endpoints),
        pools=tuple(make_pool(site) for site in range(SITES)),
        policies=tuple(Policy(name=name, slots=SLOTS, stages=(make_geo(), Weighted())) for name in policies),
        services=tuple(make_service(number, policies[number % len(policies)], own_pools) for number in range(services)),
        ecs=EcsTrust(networks=(), own_prefixes=()),
        geo=GeoSources(databases=(), prefixes=()),
    )
    everywhere = RangeMap((0,), (0,))
    keys = tuple((make_key(number), "") for number in range(classes))
    maps = ClassMap(
        keys=keys,
        labels=("",) * classes,
        ecs_v4=everywhere,
        ecs_v6=everywhere,
        full_v4=everywhere,
        full_v6=everywhere,
    )
    return Snapshot(
        order=Order(), model=model, serials={}, classes=dict.fromkeys(policies, maps), layouts=layouts(model), seed=1
    )


def make_endpoint(site: int, member: int) -> Endpoint:
    addresses = (ip_address(f"10.{site}.0.{member + 1}"), ip_address(f"fd00:{site}::{member + 1}"))
    return Endpoint(name=f"e{site}-{member}", addresses=addresses, host=None, probe=str(addresses[0]))


def make_pool(site: int) -> Pool:
    names = (f"e{site}-{member}" for member in range(MEMBERS))
    return Pool(
        name=f"pool{site}",
        site=f"site{site}",
        members=tuple(Member(name=name, endpoint=name, weight=1, standby=False) for name in names),
        monitor="web",
        min_healthy=MinHealthy(value=100, percent=True),
    )


def make_geo() -> Geo:
    """Rules with a canary each; all other clients go to the nearest site."""
    rules = (
        GeoRule(
            match=Match(asns=(number,)),
            entries=(((SLOTS[number % 6], 95), (SLOTS[(number + 1) % 6], 5)), ((SLOTS[(number + 2) % 6], 1),)),
        )
        for number in range(RULES)
    )
    return Geo(rules=tuple(rules), otherwise="nearest")


def make_key(number: int) -> str:
    """A rule, or an order of the sites that differs from class to class."""
    if number < RULES:
        return f"r{number + 1}"
    return "near:" + "<".join(f"site{(number * step + number // SITES) % SITES}" for step in range(1, SITES))


def make_service(number: int, policy: str, own_pools: bool) -> Service:
    first = number if own_pools else number % 4
    step = 1 + number // SITES if own_pools else 1
    pools = (f"pool{(first + step * position) % SITES}" for position in range(len(SLOTS)))
    return Service(
        name=Name.from_text(f"www{number}", ZONE),
        zone=ZONE,
        policy=policy,
        bindings=tuple(zip(SLOTS, pools, strict=True)),
        monitor=None,
        ttl_s=20,
        answers=1,
        by_query=False,
        all_down=AllDown(kind=AllDownKind.SERVE_ALL),
    )


def report(facts: Facts, snapshot: Snapshot, sequence: int, down: Iterable[str]) -> Facts:
    """A fresh report of every site in which these endpoints are down."""
    for layout in snapshot.layouts:
        states = bytes(DOWN if target.endpoint in down else UP for target in layout.targets)
        agent = AgentId(f"{layout.site}/a")
        facts = merge(facts, Report(agent=agent, boot=1, sequence=sequence, layout=layout.digest, states=states))
    return facts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--services", type=int, default=1000)
    parser.add_argument("--classes", type=int, default=250)
    parser.add_argument("--own-pools", action="store_true")
    parser.add_argument("--own-policies", action="store_true")
    options = parser.parse_args()

    snapshot = make_snapshot(options.services, options.classes, options.own_pools, options.own_policies)
    known = timed("outline of the snapshot, once", lambda: outline(snapshot))
    print(f"{'distinct ways of steering':<44} {len(known.units):8}")
    facts = report(NO_FACTS, snapshot, 1, ())
    decision = timed("whole decision", lambda: decide(snapshot, NO_DIRECTIVES, facts, NO_SILENCE))
    all_of_one_site = [f"e3-{member}" for member in range(MEMBERS)]
    story: tuple[tuple[str, list[str]], ...] = (
        ("one server down: its pool is degraded", all_of_one_site[:1]),
        ("another down: no row changes", all_of_one_site[:2]),
        ("the whole pool down", all_of_one_site),
        ("all back", []),
    )
    for sequence, (what, down) in enumerate(story, start=2):
        after = report(facts, snapshot, sequence, down)
        dirty = changed_endpoints(snapshot, facts, after)
        decision = timed(what, partial(decide, snapshot, NO_DIRECTIVES, after, NO_SILENCE, decision, dirty))
        assert decision == decide(snapshot, NO_DIRECTIVES, after, NO_SILENCE)
        facts = after

    shares = scale(tuple((f"member{number}", 1 + number % 3) for number in range(5)))
    timed("cohort table of 5 members, first time", lambda: tabulate(shares))
    fewer = scale(shares[1:])
    timed("cohort table once one of them is lost", lambda: tabulate(fewer))


if __name__ == "__main__":
    main()
