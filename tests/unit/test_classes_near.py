"""What stages are told about a client: once per place and prefix, with distances to the sites that count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import ClassVar

from gslb.core.classes.maps import GeoTable, class_maps, place_of
from gslb.core.classes.ranges import EVERYWHERE
from gslb.core.model import (
    AllDown,
    AllDownKind,
    EcsTrust,
    GeoSources,
    IPNetwork,
    Location,
    MinHealthy,
    Model,
    Policy,
    Pool,
    Service,
    Site,
)
from gslb.core.names import Name
from gslb.core.place import NOWHERE, Place
from gslb.core.snapshot import RangeMap
from gslb.core.steering.stages.base import Bench, Key, Reach, Role, Row, Step

QUARTER_KM, HALF_KM = 10_008, 20_015
GULF = Place(continent="AF", country="GA", latitude=0.0, longitude=0.0)
SITES = {"maldives": (0.0, 90.0), "arctic": (90.0, 0.0), "date-line": (0.0, 180.0), "unused": (0.0, 0.0)}


@dataclass(frozen=True, slots=True)
class Recorder:
    """A sharing stage that writes down what it is asked."""

    prefixes: tuple[IPNetwork, ...] = ()
    asked: list[tuple[Place, IPNetwork | None, Mapping[str, int | None]]] = field(default_factory=list)

    kind: ClassVar[str] = "recorder"
    role: ClassVar[Role] = Role.SHARING

    def slots(self) -> frozenset[str]:
        return frozenset()

    def cidrs(self) -> tuple[IPNetwork, ...]:
        return self.prefixes

    def classify(self, place: Place, cidr: IPNetwork | None, near: Mapping[str, int | None]) -> Key:
        self.asked.append((place, cidr, near))
        return f"{place.country}{cidr or ''}"

    def apply(self, row: Row, key: Key, bench: Bench) -> Step:
        return Step(row=row, reason="")

    def bound(self, reach: Reach, key: Key, sites: Mapping[str, str]) -> Reach:
        return reach

    def describe(self, key: Key) -> str:
        return f"key {key}" if key else ""

    def dump(self) -> str:
        return "{}"

    @classmethod
    def load(cls, text: str) -> Recorder:
        return cls()


def model(stage: Recorder) -> Model:
    """One service on pools at three sites, at one adrift and at none; no service binds the pool at `unused`."""
    sites = {**SITES, "adrift": None}
    pools = {"a": "maldives", "b": "arctic", "c": "date-line", "d": "adrift", "e": None, "f": "unused"}
    apex = Name.from_text("example.com")
    return Model(
        zones=(),
        sites=tuple(
            Site(name=name, location=Location(latitude=at[0], longitude=at[1]) if at else None, tags=(), probe_allow=())
            for name, at in sites.items()
        ),
        monitors=(),
        endpoints=(),
        pools=tuple(
            Pool(name=name, site=site, members=(), monitor=None, min_healthy=MinHealthy(value=1, percent=False))
            for name, site in pools.items()
        ),
        policies=(Policy(name="p", slots=tuple("abcde"), stages=(stage,)),),
        services=(
            Service(
                name=apex,
                zone=apex,
                policy="p",
                bindings=tuple((slot, slot) for slot in "abcde"),
                monitor=None,
                ttl_s=20,
                answers=1,
                by_query=False,
                all_down=AllDown(kind=AllDownKind.NODATA),
            ),
        ),
        ecs=EcsTrust(networks=(), own_prefixes=()),
        geo=GeoSources(databases=(), prefixes=()),
    )


def table(v4: RangeMap) -> GeoTable:
    return GeoTable(v4=v4, v6=EVERYWHERE, ecs_v4=v4, ecs_v6=EVERYWHERE, places=(NOWHERE, GULF))


def test_distances_are_whole_kilometres_to_the_sites_that_services_of_the_policy_use() -> None:
    stage = Recorder()
    class_maps(model(stage), table(RangeMap((0, 256), (0, 1))))
    near = {place: near for place, _, near in stage.asked}
    assert near[GULF] == {"maldives": QUARTER_KM, "arctic": QUARTER_KM, "date-line": HALF_KM, "adrift": None}
    assert set(near[NOWHERE].values()) == {None}


def test_a_stage_is_asked_once_per_place_and_longest_prefix() -> None:
    prefixes = tuple(map(ip_network, ("10.0.0.0/8", "10.1.0.0/16", "10.1.1.128/25")))
    stage = Recorder(prefixes)
    classes = class_maps(model(stage), table(RangeMap((0, 10 << 24, 11 << 24), (0, 1, 0))))["p"]
    asked = [(place, cidr) for place, cidr, _ in stage.asked]
    assert sorted(map(str, asked)) == sorted(map(str, set(asked)))
    assert set(asked) == {(NOWHERE, None), *((GULF, prefix) for prefix in prefixes)}
    assert classes.labels == ("all other clients", "key GA10.0.0.0/8", "key GA10.1.0.0/16", "key GA10.1.1.128/25")


def test_a_prefix_longer_than_ecs_knows_is_ignored_there() -> None:
    stage = Recorder((ip_network("10.1.1.128/25"), ip_network("10.1.0.0/16")))
    classes = class_maps(model(stage), table(EVERYWHERE))["p"]
    assert len(classes.ecs_v4.starts) == 3
    assert len(classes.full_v4.starts) == 5
    assert classes.full_v6 is classes.ecs_v6


def test_one_class_is_all_clients() -> None:
    classes = class_maps(model(Recorder()), table(EVERYWHERE))["p"]
    assert (classes.keys, classes.labels) == ((("",),), ("all clients",))


def test_place_of_looks_in_the_family_of_the_address() -> None:
    found = table(RangeMap((0, 256), (1, 0)))
    assert place_of(found, ip_address("0.0.0.7")) == GULF
    assert place_of(found, ip_address("::7")) == NOWHERE
