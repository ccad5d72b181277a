"""`nearest`, `priority`, `weighted`, `round_robin`, `hash`, and the registry."""

from __future__ import annotations

import pytest
from hypothesis import given
from support.policies import filters, sharings

from gslb.core.errors import InvalidSnapshot
from gslb.core.place import NOWHERE
from gslb.core.steering.stages import REGISTRY, load
from gslb.core.steering.stages.base import Bench, Reach, Role, Row, Stage
from gslb.core.steering.stages.hash import Hash
from gslb.core.steering.stages.nearest import Nearest
from gslb.core.steering.stages.priority import Priority
from gslb.core.steering.stages.round_robin import RoundRobin
from gslb.core.steering.stages.weighted import Weighted

SITES = {"eu": "eu-west", "ie": "ie", "us": "us-east", "cdn": "", "lost": "witness"}
SLOTS = frozenset(SITES)


def row(*slots: str) -> Row:
    return tuple((slot, 1) for slot in sorted(slots))


def left(stage: Stage, key: str, *slots: str) -> list[str]:
    step = stage.apply(row(*slots), key, Bench(available=frozenset(slots), sites=SITES))
    return [slot for slot, _ in step.row]


def test_nearest_orders_sites_by_whole_kilometres_and_ties_share() -> None:
    near = {"us-east": 900, "ie": 500, "eu-west": 500, "witness": None}
    assert Nearest().classify(NOWHERE, None, near) == "eu-west=ie<us-east"
    assert Nearest().classify(NOWHERE, None, dict.fromkeys(near)) == ""


def test_nearest_keeps_the_closest_group_with_something_available() -> None:
    key = "eu-west=ie<us-east"
    assert left(Nearest(), key, "eu", "ie", "us", "cdn") == ["eu", "ie"]
    assert left(Nearest(), key, "ie", "us") == ["ie"]
    assert left(Nearest(), key, "us", "cdn") == ["us"]
    assert left(Nearest(), key, "cdn", "lost") == ["cdn", "lost"]


def test_nearest_leaves_clients_alone_whose_place_is_not_known() -> None:
    assert left(Nearest(), "", "eu", "us") == ["eu", "us"]


def test_nearest_is_single_where_no_two_slots_are_equally_far() -> None:
    key = "eu-west=ie<us-east"
    for slots, single in (({"eu", "us", "cdn"}, True), ({"eu", "ie"}, False), ({"us", "cdn", "lost"}, False)):
        assert Nearest().bound(Reach(slots=frozenset(slots), single=False), key, SITES).single is single
    assert not Nearest().bound(Reach(slots=frozenset({"eu", "us"}), single=False), "", SITES).single


def test_priority_keeps_the_first_tier_with_something_available() -> None:
    stage = Priority(tiers=(("eu", "ie"), ("us",)))
    assert left(stage, "", "eu", "us", "cdn") == ["eu"]
    assert left(stage, "", "us", "cdn") == ["us"]
    assert left(stage, "", "cdn", "lost") == ["cdn", "lost"]


@pytest.mark.parametrize(
    ("tiers", "single"),
    [((("eu",), ("us",)), True), ((("eu", "us"),), False), ((("eu",),), False), ((("eu",), ("us",), ("cdn",)), True)],
)
def test_priority_is_single_where_tiers_and_the_rest_are(tiers: tuple[tuple[str, ...], ...], single: bool) -> None:
    reach = Reach(slots=frozenset({"eu", "us", "cdn"}), single=False)
    assert Priority(tiers=tiers).bound(reach, "", SITES) == Reach(slots=reach.slots, single=single)


def test_weighted_multiplies_and_weight_0_gets_nothing() -> None:
    stage = Weighted((("eu", 3), ("us", 0)))
    bench = Bench(available=SLOTS, sites=SITES)
    assert stage.apply((("cdn", 5), ("eu", 2), ("us", 9)), "", bench).row == (("cdn", 5), ("eu", 6))
    assert stage.bound(Reach(slots=SLOTS, single=False), "", SITES).slots == SLOTS - {"us"}


@pytest.mark.parametrize("stage", [RoundRobin(), Hash()])
def test_equal_shares_whatever_weights_came_in(stage: Stage) -> None:
    step = stage.apply((("cdn", 5), ("eu", 2)), "", Bench(available=SLOTS, sites=SITES))
    assert step.row == (("cdn", 1), ("eu", 1))


@given(filters() | sharings())
def test_every_stage_survives_dump_and_load(stage: Stage) -> None:
    assert load(stage.kind, stage.dump()) == stage
    assert load(stage.kind, stage.dump()).dump() == stage.dump()


def test_registry_knows_every_stage_by_its_kind() -> None:
    assert list(REGISTRY) == ["geo", "nearest", "priority", "weighted", "round_robin", "hash"]
    assert [kind for kind, stage in REGISTRY.items() if stage.role is Role.FILTER] == ["geo", "nearest", "priority"]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("teleport", "{}"),
        ("geo", "{"),
        ("geo", "[" * 100_000),
        ("geo", "{}"),
        ("geo", '{"otherwise":"sometimes","rules":[]}'),
        ("geo", '{"otherwise":"all","rules":[{"entries":[[["eu",-1]]],"fence":false,"match":{}}]}'),
        ("geo", '{"otherwise":"all","rules":[{"entries":[[["eu"]]],"fence":false,"match":{}}]}'),
        ("geo", '{"otherwise":"all","rules":[{"entries":[],"fence":1,"match":{}}]}'),
        ("geo", '{"otherwise":"all","rules":[{"entries":[],"fence":false,"match":{"cidrs":["10.0.0.1/8"]}}]}'),
        ("geo", '{"otherwise":"all","rules":[{"entries":[],"fence":false,"match":[]}]}'),
        ("priority", '{"tiers":[[1]]}'),
        ("priority", '{"tiers":{}}'),
        ("weighted", '{"weights":[["eu",true]]}'),
        ("weighted", '{"weights":[["eu",1.5]]}'),
        ("nearest", "[]"),
    ],
)
def test_parameters_from_strangers_are_checked(kind: str, text: str) -> None:
    with pytest.raises(InvalidSnapshot):
        load(kind, text)
