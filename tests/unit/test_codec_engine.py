"""What the native engine is told: of a change only what it changes, however many services are concerned."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from support.dnsworld import facts_of, make_snapshot

from gslb.api.v1 import engine_pb2 as pb
from gslb.codec.engine import DecisionDumper, dump_static
from gslb.core.decision import Decision
from gslb.core.directives import NO_DIRECTIVES
from gslb.core.silence import NO_SILENCE
from gslb.core.snapshot import Snapshot
from gslb.core.steering.decide import decide

SETS, SERVICES_A_SET = 5, 20
POOL = (
    "  - {{name: {name}, site: {site}, monitor: web, members: [{{name: m, address: {a}}}, {{name: n, address: {b}}}]}}"
)
SERVICE = "  - {{name: s{number}.example.test, pools: {{eu: eu{of}, us: us{of}}}, policy: all}}"


@cache
def snapshot() -> Snapshot:
    """Sets of two pools each under one policy, and many services of every set."""
    pools = [
        POOL.format(name=f"{site}{of}", site=site, a=f"192.0.{side}.{of}", b=f"192.0.{side + 1}.{of}")
        for of in range(SETS)
        for side, site in ((2, "eu"), (4, "us"))
    ]
    services = [SERVICE.format(number=number, of=number % SETS) for number in range(SETS * SERVICES_A_SET)]
    config = "\n".join(
        [
            "zones: [{name: example.test, nameservers: [ns1.elsewhere.test], contact: ops@example.test}]",
            "sites: [{name: eu}, {name: us}]",
            "monitors: [{name: web, type: tcp, port: 80}]",
            "defaults: {monitor: web}",
            "pools:",
            *pools,
            "policies: [{name: all, steering: [{weighted: {eu: 3, us: 1}}]}]",
            "services:",
            *services,
        ]
    )
    return make_snapshot(config)


def decided(*down: str, before: Decision | None = None) -> Decision:
    return decide(snapshot(), NO_DIRECTIVES, facts_of(snapshot(), down), NO_SILENCE, before)


def told(*down: str) -> tuple[pb.EngineDecision, pb.EngineDecision]:
    """The first decision, and what is told when these endpoints fail."""
    dumper, first = DecisionDumper(snapshot()), decided()
    whole = pb.EngineDecision.FromString(dumper.dump(first))
    return whole, pb.EngineDecision.FromString(dumper.dump(decided(*down, before=first)))


def test_services_alike_are_one_lane_and_sets_share_the_policys_rows() -> None:
    static = pb.EngineStatic.FromString(dump_static(snapshot()))
    assert len(static.lanes) == SETS
    assert len(static.units) == SETS * SERVICES_A_SET
    whole, _ = told()
    assert (len(whole.rows), len(whole.columns)) == (1, 1)
    assert list(whole.rows[0].names) == ["eu", "us"]
    assert len(whole.vectors) == 2 * SETS
    assert sum(len(assignment.lanes) for assignment in whole.assignments) == SETS


def test_a_member_that_fails_changes_one_pool_and_no_row() -> None:
    _, change = told("eu0/m")
    assert [len(vector.members) for vector in change.vectors] == [1]
    assert change == pb.EngineDecision(vectors=change.vectors)


def test_a_pool_that_fails_changes_the_lanes_that_use_it() -> None:
    _, change = told("eu0/m", "eu0/n")
    assert [len(vector.members) for vector in change.vectors] == [0]
    assert len(change.rows) == len(change.columns) == 1
    assert [len(assignment.lanes) for assignment in change.assignments] == [1]


def test_a_site_that_fails_tells_the_policys_rows_once_for_all_sets() -> None:
    whole, change = told(*(f"eu{of}/{member}" for of in range(SETS) for member in "mn"))
    assert len(change.vectors) == SETS
    assert len(change.rows) == len(change.columns) == 1
    assert [len(assignment.lanes) for assignment in change.assignments] == [SETS]
    assert list(change.dropped_columns) == [whole.columns[0].id]
    assert list(change.dropped_rows) == [whole.rows[0].id]


def test_nothing_is_told_of_a_decision_that_says_the_same() -> None:
    _, change = told()
    assert change == pb.EngineDecision()


def test_a_decision_made_on_top_of_another_than_the_one_before_is_searched_for_what_is_new() -> None:
    first, skipped = decided(), decided("eu0/m")
    later = decided("eu0/m", "eu1/m", before=skipped)
    dumper, searching = DecisionDumper(snapshot()), DecisionDumper(snapshot())
    assert dumper.dump(first) == searching.dump(first)
    change = dumper.dump(later)
    assert len(pb.EngineDecision.FromString(change).vectors) == 2
    assert change == searching.dump(replace(later, moved=None))
