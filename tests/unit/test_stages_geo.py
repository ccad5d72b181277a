"""`geo`: which rule holds for a client, what it leaves, which rules contend for the same clients."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from gslb.core.place import NOWHERE, Place
from gslb.core.steering.stages.base import Bench, Reach, Row
from gslb.core.steering.stages.geo import Entry, Geo, GeoRule, Match

BERLIN = Place(
    continent="EU", country="DE", subdivision="BE", city="Berlin", asn=3320, tags=(("floor", "2"), ("office", "berlin"))
)
TEN, TEN_ONE, OTHER = ip_network("10.0.0.0/8"), ip_network("10.1.0.0/16"), ip_network("192.168.0.0/16")
EU: Entry = (("eu", 1),)
US: Entry = (("us", 1),)
CANARY: Entry = (("eu", 95), ("next", 5))

MATCHES = (
    Match(),
    Match(continents=("EU",)),
    Match(countries=("DE", "FR")),
    Match(subdivisions=("DE-BE",)),
    Match(cities=("Berlin",)),
    Match(asns=(3320,)),
    Match(tags=(("office", "berlin"), ("office", "oslo"))),
    Match(cidrs=(TEN,)),
    Match(cidrs=(OTHER, TEN_ONE)),
)
"""All mean a client in Berlin in 10.1.0.0/16, the later the more specific."""


def geo(*matches: Match) -> Geo:
    return Geo(rules=tuple(GeoRule(match=match, entries=(EU,)) for match in matches), otherwise="all")


def row(*slots: str) -> Row:
    return tuple((slot, 1) for slot in sorted(slots))


def bench(*slots: str) -> Bench:
    return Bench(available=frozenset(slots), sites={"eu": "eu-west", "us": "us-east", "next": "eu-west"})


@pytest.mark.parametrize("number", range(1, len(MATCHES)))
def test_the_more_specific_rule_holds_wherever_it_stands(number: int) -> None:
    general, special = MATCHES[number - 1], MATCHES[number]
    assert geo(general, special).classify(BERLIN, TEN_ONE, {}) == "r2"
    assert geo(special, general).classify(BERLIN, TEN_ONE, {}) == "r1"


def test_more_kinds_are_more_specific_than_fewer() -> None:
    plain, double = Match(countries=("DE",)), Match(countries=("DE",), continents=("EU",))
    assert geo(plain, double).classify(BERLIN, None, {}) == "r2"


def test_kinds_are_anded_and_values_ored() -> None:
    assert geo(Match(countries=("FR", "DE"), asns=(3320, 1))).classify(BERLIN, None, {}) == "r1"
    assert geo(Match(countries=("DE",), asns=(1,))).classify(BERLIN, None, {}) == ""


def test_every_tag_name_is_a_kind_of_its_own() -> None:
    assert geo(Match(tags=(("office", "berlin"), ("floor", "2")))).classify(BERLIN, None, {}) == "r1"
    assert geo(Match(tags=(("office", "berlin"), ("floor", "3")))).classify(BERLIN, None, {}) == ""


def test_a_rule_with_a_prefix_means_clients_inside_only() -> None:
    stage = geo(Match(cidrs=(TEN_ONE,)))
    assert stage.classify(BERLIN, TEN, {}) == ""
    assert stage.classify(BERLIN, ip_network("10.1.2.0/24"), {}) == "r1"
    assert stage.classify(BERLIN, ip_network("2001:db8::/32"), {}) == ""


@pytest.mark.parametrize("match", MATCHES[1:])
def test_a_client_nobody_knows_meets_no_rule_but_the_world(match: Match) -> None:
    assert geo(match).classify(NOWHERE, None, {}) == ""
    assert geo(match, Match()).classify(NOWHERE, None, {}) == "r2"


def test_otherwise_nearest_tells_clients_apart_by_the_order_of_sites() -> None:
    stage = Geo(rules=(GeoRule(match=Match(countries=("DE",)), entries=(EU,)),), otherwise="nearest")
    near = {"us-east": 900, "eu-west": 500, "witness": None}
    assert stage.classify(NOWHERE, None, near) == "near:eu-west<us-east"
    assert stage.classify(NOWHERE, None, dict.fromkeys(near)) == ""
    assert stage.classify(BERLIN, None, near) == "r1"
    assert stage.apply(row("eu", "us"), "near:eu-west<us-east", bench("eu", "us")).row == row("eu")
    assert stage.apply(row("us"), "near:eu-west<us-east", bench("us")).row == row("us")
    assert stage.apply(row("eu", "us"), "", bench("eu", "us")).row == row("eu", "us")


def rule(*entries: Entry, fence: bool = False) -> Geo:
    return Geo(rules=(GeoRule(match=Match(), entries=entries, fence=fence),), otherwise="all")


def test_the_first_entry_with_something_available_serves() -> None:
    assert rule(EU, US).apply(row("eu", "us"), "r1", bench("eu", "us")).row == row("eu")
    assert rule(EU, US).apply(row("next", "us"), "r1", bench("next", "us")).row == row("us")


def test_a_dead_pools_share_goes_to_its_siblings() -> None:
    assert rule(CANARY, US).apply(row("eu", "next", "us"), "r1", bench("eu", "next", "us")).row == CANARY
    assert rule(CANARY, US).apply(row("next", "us"), "r1", bench("next", "us")).row == (("next", 5),)


def test_weights_of_the_row_are_kept_in_proportion() -> None:
    assert rule(CANARY).apply((("eu", 2), ("next", 3)), "r1", bench("eu", "next")).row == (("eu", 190), ("next", 15))


def test_nothing_to_try_leaves_the_row_unless_there_is_a_fence() -> None:
    assert rule(EU).apply(row("us"), "r1", bench("us")).row == row("us")
    assert rule(EU, fence=True).apply(row("us"), "r1", bench("us")).row == ()
    assert rule((("eu", 0),)).apply(row("eu", "us"), "r1", bench("eu", "us")).row == row("eu", "us")


def test_otherwise_may_be_entries_of_its_own() -> None:
    stage = Geo(rules=(), otherwise=(EU, US))
    assert stage.slots() == {"eu", "us"}
    assert stage.apply(row("next", "us"), "", bench("next", "us")).row == row("us")
    assert stage.apply(row("next"), "", bench("next")).row == row("next")


ALL = Reach(slots=frozenset({"eu", "us", "next"}), single=False)


@pytest.mark.parametrize(
    ("stage", "slots", "single"),
    [
        (rule(EU, US), {"eu", "us", "next"}, True),
        (rule(EU), {"eu", "us", "next"}, False),
        (rule(CANARY, US), {"eu", "us", "next"}, False),
        (rule(EU, US, fence=True), {"eu", "us"}, True),
        (rule(CANARY, fence=True), {"eu", "next"}, False),
        (rule((("eu", 1), ("next", 0)), US, fence=True), {"eu", "us"}, True),
        (rule((("gone", 1),), fence=True), set(), True),
    ],
)
def test_bound_says_what_may_remain(stage: Geo, slots: set[str], single: bool) -> None:
    assert stage.bound(ALL, "r1", {}) == Reach(slots=frozenset(slots), single=single)


@pytest.mark.parametrize(
    ("one", "other", "ambiguous"),
    [
        (Match(), Match(), True),
        (Match(countries=("DE", "FR")), Match(countries=("FR",)), True),
        (Match(countries=("DE",)), Match(countries=("FR",)), False),
        (Match(countries=("DE",)), Match(continents=("EU",)), False),
        (Match(asns=(1,), countries=("DE",)), Match(asns=(1,), subdivisions=("DE-BE",)), True),
        (Match(asns=(1,), countries=("DE",)), Match(asns=(1,), subdivisions=("US-CA",)), False),
        (Match(tags=(("office", "berlin"),)), Match(tags=(("office", "oslo"),)), False),
        (Match(tags=(("office", "berlin"),)), Match(tags=(("tier", "gold"),)), True),
        (Match(cidrs=(TEN,)), Match(cidrs=(TEN_ONE,)), False),
        (Match(cidrs=(TEN, OTHER)), Match(cidrs=(TEN_ONE, OTHER)), True),
        (Match(cidrs=(TEN,), countries=("DE",)), Match(cidrs=(TEN,)), False),
        (Match(cidrs=(TEN,)), Match(asns=(1,)), False),
    ],
)
def test_two_rules_contend_where_one_client_meets_both_alike(one: Match, other: Match, ambiguous: bool) -> None:
    assert one.ambiguous_with(other) is ambiguous
    assert other.ambiguous_with(one) is ambiguous


def test_steps_are_told_in_words() -> None:
    stage = Geo(rules=(GeoRule(match=Match(countries=("US", "CA"), asns=(1,)), entries=(CANARY, US)),), otherwise="all")
    assert stage.describe("r1") == "rule 1 (country US or CA, ASN 1)"
    assert stage.describe("") == ""
    step = stage.apply(row("eu", "next"), "r1", bench("eu", "next"))
    assert step.reason == "rule 1 (country US or CA, ASN 1): try {eu: 95, next: 5}"
    assert stage.apply(row("eu"), "", bench("eu")).reason == "no rule: all stay"
