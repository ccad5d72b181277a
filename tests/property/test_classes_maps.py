"""Class maps against a naive twin: ask every stage about one address."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.strategies import geo_tables, models

from gslb.core.classes.maps import GeoTable, class_maps
from gslb.core.classes.ranges import find
from gslb.core.model import IPNetwork, Model, Policy
from gslb.core.place import Place
from gslb.core.snapshot import CLASS_V4_BITS, CLASS_V6_BITS, ECS_V4_BITS, ECS_V6_BITS, ClassMap, RangeMap
from gslb.core.steering.stages.base import Key

SLOW_TO_DRAW = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def longest_match(networks: tuple[IPNetwork, ...], version: int, address: int, longest: int) -> IPNetwork | None:
    covering = [
        network
        for network in networks
        if network.version == version
        and network.prefixlen <= longest
        and int(network.network_address) <= address <= int(network.broadcast_address)
    ]
    return max(covering, key=lambda network: network.prefixlen, default=None)


def geo_keys(policy: Policy, place: Place, version: int, address: int, longest: int) -> tuple[Key | None, ...]:
    """Keys as each stage gives them without distances; None where it asks for those."""
    found: list[Key | None] = []
    for stage in policy.stages:
        cidr = longest_match(stage.cidrs(), version, address, longest)
        near, far = (stage.classify(place, cidr, {"a": one, "b": 1000 - one}) for one in (1, 999))
        found.append(near if near == far else None)
    return tuple(found)


def check(
    policy: Policy, table: GeoTable, classes: ClassMap, family: tuple[str, int, int], addresses: list[int]
) -> None:
    name, version, longest = family
    ranges: RangeMap = getattr(classes, name)
    places: RangeMap = getattr(table, name.removeprefix("full_"))
    for address in addresses:
        place = table.places[find(places, address).cls]
        keys = classes.keys[find(ranges, address).cls]
        expected = geo_keys(policy, place, version, address, longest)
        assert all(wanted is None or wanted == key for wanted, key in zip(expected, keys, strict=True))


FAMILIES = (
    ("full_v4", 4, CLASS_V4_BITS),
    ("full_v6", 6, CLASS_V6_BITS),
    ("ecs_v4", 4, ECS_V4_BITS),
    ("ecs_v6", 6, ECS_V6_BITS),
)


@SLOW_TO_DRAW
@given(model=models(), table=geo_tables(), seeds=st.lists(st.integers(0, (1 << 128) - 1), max_size=5))
def test_every_address_has_the_class_that_its_stages_say(model: Model, table: GeoTable, seeds: list[int]) -> None:
    maps = class_maps(model, table)
    for policy in model.policies:
        for family in FAMILIES:
            width = CLASS_V4_BITS if family[1] == 4 else CLASS_V6_BITS
            networks = [network for stage in policy.stages for network in stage.cidrs() if network.version == family[1]]
            edges = [int(network.network_address) for network in networks]
            edges += [int(network.broadcast_address) for network in networks]
            near = {edge + step for edge in edges for step in (-1, 0, 1) if 0 <= edge + step < 1 << width}
            addresses = [*near, *(seed >> 128 - width for seed in seeds)]
            check(policy, table, maps[policy.name], family, addresses)


@SLOW_TO_DRAW
@given(model=models(), table=geo_tables())
def test_classes_are_distinct_labelled_and_numbered_by_their_first_address(model: Model, table: GeoTable) -> None:
    for policy_name, classes in class_maps(model, table).items():
        assert len(set(classes.keys)) == len(classes.keys) == len(classes.labels), policy_name
        assert all(classes.labels)
        order = [*classes.full_v4.classes, *classes.full_v6.classes, *classes.ecs_v4.classes, *classes.ecs_v6.classes]
        assert list(dict.fromkeys(order)) == list(range(len(classes.keys)))


@SLOW_TO_DRAW
@given(model=models(), table=geo_tables())
def test_ecs_maps_have_no_block_that_ecs_cannot_ask_for(model: Model, table: GeoTable) -> None:
    for classes in class_maps(model, table).values():
        assert all(start % (1 << CLASS_V4_BITS - ECS_V4_BITS) == 0 for start in classes.ecs_v4.starts)
        assert all(start % (1 << CLASS_V6_BITS - ECS_V6_BITS) == 0 for start in classes.ecs_v6.starts)
        assert (classes.full_v4 == classes.ecs_v4) == (classes.full_v4 is classes.ecs_v4)
        assert (classes.full_v6 == classes.ecs_v6) == (classes.full_v6 is classes.ecs_v6)


@SLOW_TO_DRAW
@given(model=models(), table=geo_tables())
def test_the_same_input_gives_the_same_maps(model: Model, table: GeoTable) -> None:
    assert class_maps(model, table) == class_maps(model, table)
