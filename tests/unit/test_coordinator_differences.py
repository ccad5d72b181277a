"""What changed between two configurations, by what it means."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from gslb.config import BundleSource, load
from gslb.coordinator.configuration.differences import (
    SETTINGS,
    compare,
    compare_access,
    compare_databases,
    compare_serials,
)
from gslb.core.identity.access import Grant, Role
from gslb.core.model import Model

BASE = """
zones:
  - name: gslb.test
    nameservers: [ns1.gslb.test]
    contact: ops@gslb.test
    records:
      - {name: ns1, type: A, data: 192.0.2.53}
      - {name: text, type: TXT, data: '"one"'}
sites:
  - {name: us, location: {latitude: 39.0, longitude: -77.5}}
  - {name: eu, location: {latitude: 53.3, longitude: -6.3}}
monitors:
  - {name: web, type: http, port: 80}
endpoints:
  - {name: shared, address: 192.0.2.99}
pools:
  - name: web-us
    site: us
    monitor: web
    members: [{name: us1, address: 192.0.2.10}, {name: us2, address: 192.0.2.11}, shared]
  - {name: web-eu, site: eu, monitor: web, members: [{name: eu1, address: 198.51.100.10}]}
services:
  - {name: www.gslb.test, pools: [web-us, web-eu]}
"""


def model(text: str) -> Model:
    return load(BundleSource({"gslb.yaml": text.encode()}), "gslb.yaml").model


def changes(before: str | None, after: str | None) -> list[str]:
    found = compare(*(None if text is None else model(text) for text in (before, after)))
    return sorted(f"{one.kind} {one.what} {one.name}: {one.detail}".removesuffix(": ") for one in found)


US2 = "{name: us2, address: 192.0.2.11}"
WWW = "pools: [web-us, web-eu]}"
TEXT = "      - {name: text, type: TXT, data: '\"one\"'}\n"
CASES = [
    (US2, US2.replace("11", "12"), "changed member web-us/us2: addresses [192.0.2.11] -> [192.0.2.12]"),
    (US2, US2.replace("}", ", weight: 3}"), "changed member web-us/us2: weight 1 -> 3"),
    (f"{US2}, ", "", "removed member web-us/us2"),
    ("192.0.2.99", "192.0.2.98", "changed endpoint shared: addresses [192.0.2.99] -> [192.0.2.98]"),
    ("port: 80}", "port: 81, interval: 5s}", "changed monitor web: port 80 -> 81, interval 2000ms -> 5000ms"),
    ("port: 80}", "port: 80, path: /live}", "changed monitor web: path / -> /live"),
    ("latitude: 53.3", "latitude: 54.5", "changed site eu: latitude 53.3 -> 54.5"),
    (WWW, WWW.replace("}", ", ttl: 7s}"), "changed service www.gslb.test: ttl 20s -> 7s"),
    (TEXT, TEXT.replace("one", "two"), "changed record text.gslb.test TXT: 1 removed, 1 added"),
    (TEXT, "", "removed record text.gslb.test TXT"),
    (TEXT, TEXT + TEXT.replace("text", "new"), "added record new.gslb.test TXT"),
    ("ops@gslb.test", "dns@gslb.test", "changed zone gslb.test: rname ops.gslb.test -> dns.gslb.test"),
]


@pytest.mark.parametrize(("old", "new", "expected"), CASES)
def test_one_change_is_told_as_one(old: str, new: str, expected: str) -> None:
    assert old in BASE
    assert changes(BASE, BASE.replace(old, new, 1)) == [expected]


def test_nothing_changed_is_nothing() -> None:
    assert changes(BASE, BASE + "\n# a comment\n") == []


def test_a_zone_comes_and_goes_whole() -> None:
    more = BASE.replace("zones:\n", "zones:\n  - {name: b.test, nameservers: [ns1.gslb.test], contact: o@b.test}\n")
    assert changes(BASE, more) == ["added zone b.test: 1 record"]
    assert changes(more, BASE) == ["removed zone b.test: 1 record"]


def test_a_service_with_its_pools() -> None:
    less = BASE.replace(", web-eu]}", "]}").replace(
        "  - {name: web-eu, site: eu, monitor: web, members: [{name: eu1, address: 198.51.100.10}]}\n", ""
    )
    assert changes(less, BASE) == [
        "added member web-eu/eu1",
        "added pool web-eu",
        "changed service www.gslb.test: bindings [[web-us, web-us]] -> [[web-us, web-us], [web-eu, web-eu]]",
    ]


def test_the_first_configuration_adds_everything() -> None:
    found = changes(None, BASE)
    assert "added zone gslb.test: 3 records" in found
    assert "added service www.gslb.test" in found
    assert all(line.startswith("added") for line in found)


def test_settings_change_as_a_whole() -> None:
    assert changes(BASE, BASE + "ecs: {from: [10.0.0.0/8]}\n") == [
        "changed setting ecs: networks [0.0.0.0/0, ::/0] -> [10.0.0.0/8]"
    ]


def test_serials_of_zones_that_stay() -> None:
    before, after = (("a.test", 1), ("b.test", 2)), (("a.test", 1), ("b.test", 3), ("c.test", 9))
    assert [(one.name, one.detail) for one in compare_serials(before, after)] == [("b.test", "2 -> 3")]


def test_what_operators_may_do() -> None:
    ann, bob = (Grant(operator=name, role=Role.VIEWER) for name in ("ann", "bob"))
    found = compare_access([ann, bob], [replace(ann, role=Role.OPERATOR, zones=("gslb.test",))])
    assert sorted((one.kind, one.name, one.detail) for one in found) == [
        ("changed", "ann", "role viewer -> operator, zones [] -> [gslb.test]"),
        ("removed", "bob", ""),
    ]


def test_a_geo_database_with_other_contents() -> None:
    found = list(compare_databases({"a": b"1", "b": b"1"}, {"a": b"1", "b": b"2", "c": b"3"}))
    assert [(one.what, one.name) for one in found] == [("geo database", "b")]


@pytest.mark.parametrize("field", [field.name for field in fields(Model)])
def test_no_part_of_a_model_is_left_out(field: str) -> None:
    """Whoever adds one says here how it is told."""
    assert field in {
        *("zones", "sites", "monitors", "endpoints", "pools", "policies", "services"),
        *SETTINGS,
    }
