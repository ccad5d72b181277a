"""What a valid configuration becomes: defaults, shorthands, references, one behaviour a test."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network
from textwrap import dedent

import pytest

from gslb.config import BundleSource, ConfigErrors, Loaded, Problem, load
from gslb.core.model import AllDown, AllDownKind, DnsSettings, MinHealthy, Policy, RateLimit, Service
from gslb.core.monitors import HttpProbe, Monitor, Outside, TcpProbe, When
from gslb.core.names import Name
from gslb.core.steering.stages.geo import Geo, GeoRule, Match
from gslb.core.steering.stages.hash import Hash
from gslb.core.steering.stages.nearest import Nearest
from gslb.core.steering.stages.priority import Priority
from gslb.core.steering.stages.round_robin import RoundRobin
from gslb.core.steering.stages.weighted import Weighted

BASE = """
zones: [{name: g.example, nameservers: ns1.other.example, contact: a.b@b.example}]
sites: [{name: s, location: {latitude: 1.5, longitude: -2}, tags: {z: 1, a: 2}, probe_allow: 127.0.0.0/8}]
"""
POOLS = """
pools:
  - {name: eu, members: [{name: a, address: 192.0.2.1}]}
  - {name: us, members: [{name: a, address: 192.0.2.2}]}
"""


def read(text: str, **files: str) -> Loaded:
    contents = {"gslb.yaml": dedent(text)} | files
    return load(BundleSource({path: content.encode() for path, content in contents.items()}), "gslb.yaml")


def service(text: str, **files: str) -> Service:
    return read(f"{BASE}{POOLS}services:\n  - {text}\n", **files).model.services[0]


def chain(steering: str) -> Policy:
    """The policy of a service that binds eu and us."""
    loaded = read(f"{BASE}{POOLS}services: [{{name: w.g.example, pools: [eu, us], steering: {steering}}}]\n")
    return next(policy for policy in loaded.model.policies if policy.name == loaded.model.services[0].policy)


def monitor(text: str, more: str = "") -> Monitor:
    return read(f"{BASE}{more}\nmonitors: [{{name: m, {text}}}]\n").model.monitors[0]


def test_sites_have_sorted_tags_and_a_location() -> None:
    site = read(BASE).model.sites[0]
    assert site.location is not None
    assert (site.location.latitude, site.location.longitude) == (1.5, -2.0)
    assert site.tags == (("a", "2"), ("z", "1"))
    assert site.probe_allow == (ip_network("127.0.0.0/8"),)


def test_norway_is_a_country() -> None:
    match = chain("[geo: {rules: [{match: {country: NO}, try: eu}]}]").stages[0]
    assert isinstance(match, Geo)
    assert match.rules[0].match.countries == ("NO",)


def test_an_http_monitor_has_the_documented_defaults() -> None:
    assert monitor("type: http") == Monitor(
        name="m",
        port=80,
        interval_ms=2000,
        timeout_ms=1000,
        fall=2,
        rise=3,
        ok=3,
        hold_ms=10_000,
        crash=True,
        outside=None,
        probe=HttpProbe(
            tls=False,
            verify=True,
            host=None,
            sni=None,
            method="GET",
            path="/",
            status=((200, 299),),
            body=None,
            keep=False,
        ),
    )


def test_views_from_outside_take_every_key() -> None:
    found = monitor("type: tcp, port: 5, outside: {from: all, sites: 5, quorum: majority, when: always}")
    assert found.outside == Outside(observers=(), sites=5, quorum=None, when=When.ALWAYS)
    assert [found.outside.needed(others) for others in (1, 2, 3, 4, 9)] == [2, 2, 2, 3, 3]
    assert monitor("type: tcp, port: 5, outside: false").outside is None


def test_an_http_monitor_takes_every_key() -> None:
    found = monitor(
        "type: http, port: 8443, tls: yes, verify: off, host: h.example, sni: s.example, method: HEAD, path: /x, "
        "expect: {status: [200-204, 301], body: ok}, connection: keep, interval: 1m, timeout: 500ms, fall: 1, rise: 2, "
        "ok: 4, crash: off, outside: true, failback: {after: 1s}"
    )
    assert (found.port, found.interval_ms, found.timeout_ms) == (8443, 60_000, 500)
    assert (found.fall, found.rise, found.ok, found.hold_ms, found.crash) == (1, 2, 4, 1000, False)
    assert found.outside == Outside(observers=(), sites=3, quorum=2, when=When.SILENT)
    assert found.probe == HttpProbe(
        tls=True,
        verify=False,
        host="h.example",
        sni="s.example",
        method="HEAD",
        path="/x",
        status=((200, 204), (301, 301)),
        body="ok",
        keep=True,
    )


def test_tls_moves_the_default_port() -> None:
    assert monitor("type: http, tls: true").port == 443


def test_a_tcp_monitor_watches_for_crashes_only_when_asked() -> None:
    assert monitor("type: tcp, port: 5").crash is False
    assert monitor("type: tcp, port: 5, crash: on").crash is True
    probe = monitor("type: tcp, port: 5, tls: true, sni: x.example").probe
    assert probe == TcpProbe(tls=True, verify=True, sni="x.example")


def test_failback_comes_from_the_defaults() -> None:
    assert monitor("type: http", "defaults: {failback: {after: 3s}}").hold_ms == 3000


def test_failback_is_said_key_by_key() -> None:
    model = read(
        BASE
        + """
defaults: {monitor: m, failback: {mode: manual, over: 20s, after: 3s}}
monitors: [{name: m, type: http, failback: {after: 7s}}, {name: n, type: http, failback: {mode: ramp}}]
pools:
  - {name: p, site: s, members: [{name: a, address: 192.0.2.1}]}
  - {name: q, site: s, monitor: n, members: [{name: a, address: 192.0.2.1}]}
  - {name: r, site: s, monitor: n, failback: {over: 1m}, members: [{name: a, address: 192.0.2.1}]}
  - {name: t, site: s, monitor: n, failback: {mode: auto}, members: [{name: a, address: 192.0.2.1}]}
"""
    ).model
    assert {found.name: found.hold_ms for found in model.monitors} == {"m": 7000, "n": 3000}
    assert {pool.name: (pool.failback.mode.value, pool.failback.over_ms) for pool in model.pools} == {
        "p": ("manual", 0),
        "q": ("ramp", 20_000),
        "r": ("ramp", 60_000),
        "t": ("auto", 0),
    }


def test_members_are_endpoints_of_their_pool_or_shared_ones() -> None:
    model = read(
        BASE
        + """
endpoints: [{name: e, address: {public: [192.0.2.1, "2001:db8::1"]}, probe: 10.0.0.1}, {name: f, address: 192.0.2.9}]
pools:
  - name: p
    min_healthy: 50%
    members: [e, {endpoint: f, weight: 3, standby: true}, {name: x, address: 192.0.2.3, probe: h.example}]
"""
    ).model
    assert [endpoint.name for endpoint in model.endpoints] == ["e", "f", "p/x"]
    assert model.endpoints[0].addresses == (ip_address("192.0.2.1"), ip_address("2001:db8::1"))
    assert model.endpoints[0].probe == "10.0.0.1"
    assert model.endpoints[2].probe == "h.example"
    pool = model.pools[0]
    assert pool.min_healthy == MinHealthy(value=50, percent=True)
    assert [(m.name, m.endpoint, m.weight, m.standby) for m in pool.members] == [
        ("e", "e", 1, False),
        ("f", "f", 3, True),
        ("x", "p/x", 1, False),
    ]


def test_the_default_monitor_is_for_pools_with_a_site() -> None:
    pools = read(
        BASE
        + """
defaults: {monitor: m}
monitors: [{name: m, type: http}, {name: own, type: http}]
pools:
  - {name: sited, site: s, members: [{name: a, address: 192.0.2.1}]}
  - {name: own, site: s, monitor: own, members: [{name: a, address: 192.0.2.1}]}
  - {name: nowhere, members: [{name: a, address: 192.0.2.1}]}
"""
    ).model.pools
    assert [pool.monitor for pool in pools] == ["m", "own", None]


def test_a_service_takes_the_defaults() -> None:
    found = service("{name: www.g.example., pools: [eu, us]}")
    assert found.name == Name.from_text("www.g.example")
    assert found.zone == Name.from_text("g.example")
    assert found.bindings == (("eu", "eu"), ("us", "us"))
    assert (found.ttl_s, found.answers, found.by_query, found.monitor) == (20, 1, False, None)
    assert found.all_down == AllDown(kind=AllDownKind.SERVE_ALL)


def test_defaults_are_set_once_for_all() -> None:
    text = f"{BASE}{POOLS}defaults: {{ttl: 5m, answers: all, all_down: nodata}}\n"
    found = read(text + "services: [{name: w.g.example, pools: [eu]}]").model.services[0]
    assert (found.ttl_s, found.answers, found.all_down.kind) == (300, 0, AllDownKind.NODATA)


def test_a_service_says_what_it_answers_when_nothing_serves() -> None:
    assert service("{name: w.g.example, pools: [eu], all_down: {pool: us}}").all_down.pool == "us"
    found = service("{name: w.g.example, pools: [eu], all_down: {addresses: 192.0.2.9}}").all_down
    assert (found.kind, found.addresses) == (AllDownKind.ADDRESSES, (ip_address("192.0.2.9"),))
    assert service("{name: w.g.example, pools: [eu], all_down: servfail}").all_down.kind == AllDownKind.SERVFAIL


def test_slots_are_bound_by_a_mapping() -> None:
    assert service("{name: w.g.example, pools: {a: eu, b: us}}").bindings == (("a", "eu"), ("b", "us"))


def test_services_without_a_chain_share_one_by_weight() -> None:
    services = "services: [{name: a.g.example, pools: [eu]}, {name: b.g.example, pools: [us]}]"
    model = read(f"{BASE}{POOLS}{services}").model
    assert len({found.policy for found in model.services}) == 1
    assert model.policies == (Policy(name=model.services[0].policy, slots=(), stages=(Weighted(),)),)


def test_a_chain_of_its_own_is_a_policy_named_after_the_service() -> None:
    policy = chain("[nearest, hash]")
    assert policy == Policy(name="w.g.example", slots=(), stages=(Nearest(), Hash()))


def test_services_that_bring_equal_chains_share_one_policy() -> None:
    services = (
        "services: [{name: a.g.example, pools: [eu], steering: [nearest]}, "
        "{name: b.g.example, pools: [us], steering: [nearest, weighted]}, "
        "{name: c.g.example, pools: [us], steering: [nearest, hash]}]"
    )
    model = read(f"{BASE}{POOLS}{services}").model
    assert [found.policy for found in model.services] == ["a.g.example", "a.g.example", "c.g.example"]
    assert [policy.name for policy in model.policies] == ["a.g.example", "c.g.example"]


def test_weighted_is_added_where_no_sharing_stage_stands() -> None:
    assert chain("nearest").stages == (Nearest(), Weighted())


def test_every_kind_of_match_and_entry() -> None:
    stage = chain(
        "[{geo: {rules: [{match: {continent: eu, country: [de, FR], subdivision: us-ca, city: Berlin, asn: [AS1, 2], "
        "cidr: 10.0.0.0/8, tag: {office: [x, y]}}, try: [{eu: 95, us: 5}, us], fence: true}], otherwise: [us, eu]}}]"
    ).stages[0]
    assert stage == Geo(
        rules=(
            GeoRule(
                match=Match(
                    continents=("EU",),
                    countries=("DE", "FR"),
                    subdivisions=("US-CA",),
                    cities=("Berlin",),
                    asns=(1, 2),
                    cidrs=(ip_network("10.0.0.0/8"),),
                    tags=(("office", "x"), ("office", "y")),
                ),
                entries=((("eu", 95), ("us", 5)), (("us", 1),)),
                fence=True,
            ),
        ),
        otherwise=((("us", 1),), (("eu", 1),)),
    )


@pytest.mark.parametrize(
    ("text", "expected"), [("", "all"), (", otherwise: all", "all"), (", otherwise: nearest", "nearest")]
)
def test_otherwise_is_all_unless_said(text: str, expected: str) -> None:
    stage = chain(f"[{{geo: {{rules: [{{match: {{}}, try: eu}}]{text}}}}}]").stages[0]
    assert isinstance(stage, Geo)
    assert stage.otherwise == expected


def test_tiers_and_weights() -> None:
    policy = chain("[{priority: [eu, [us]]}, {weighted: {eu: 3}}]")
    assert policy.stages == (Priority(tiers=(("eu",), ("us",))), Weighted((("eu", 3),)))
    assert policy.slots == ("eu", "us")


def test_a_share_of_zero_still_names_its_slot() -> None:
    policy = chain("[{geo: {rules: [{match: {}, try: [{eu: 100, us: 0}]}], otherwise: [eu]}}]")
    assert policy.slots == ("eu", "us")


def test_round_robin_draws_by_query() -> None:
    found = service("{name: w.g.example, pools: [eu], steering: [round_robin]}")
    assert found.by_query is True
    assert chain("round_robin").stages == (RoundRobin(),)
    assert service("{name: w.g.example, pools: [eu], by: query}").by_query is True


def test_services_stand_in_each_of_a_zones_names() -> None:
    model = read(
        """
        zones: [{names: [a.example, b.example], nameservers: ns.other.example, contact: a@b.example}]
        pools: [{name: p, members: [{name: a, address: 192.0.2.1}]}]
        services: [{name: x.www.b.example, pools: [p], steering: [hash]}, {name: a.example, pools: [p]}]
        """
    ).model
    assert [(str(found.name), str(found.zone)) for found in model.services] == [
        ("x.www.a.example", "a.example"),
        ("x.www.b.example", "b.example"),
        ("a.example", "a.example"),
        ("b.example", "b.example"),
    ]
    assert model.services[0].policy == model.services[1].policy == "x.www.b.example"


def test_a_service_belongs_to_the_longest_zone() -> None:
    model = read(
        """
        zones:
          - {name: example, nameservers: ns.other.test, contact: a@b.test}
          - {name: deep.example, nameservers: ns.other.test, contact: a@b.test}
        pools: [{name: p, members: [{name: a, address: 192.0.2.1}]}]
        services: [{name: www.deep.example, pools: [p]}, {name: www.example, pools: [p]}]
        """
    ).model
    assert [str(found.zone) for found in model.services] == ["deep.example", "example"]


def test_host_names_are_answered_one_at_a_time_whatever_the_default() -> None:
    model = read(
        BASE
        + """
defaults: {answers: all}
pools: [{name: p, members: [{name: a, host: cdn.example}]}]
services: [{name: w.g.example, pools: [p]}]
"""
    ).model
    assert model.services[0].answers == 1
    assert model.endpoints[0].host == Name.from_text("cdn.example")


def test_for_each_makes_every_combination_and_fills_keys_too() -> None:
    model = read(
        BASE
        + POOLS
        + """
services:
  - for_each: {app: [shop, cart], place: [eu, us]}
    name: "{app}.{place}.g.example"
    pools: {"{place}": "{place}"}
    steering: [{priority: ["{place}"]}]
"""
    ).model
    assert [(str(found.name), found.bindings) for found in model.services] == [
        ("shop.eu.g.example", (("eu", "eu"),)),
        ("shop.us.g.example", (("us", "us"),)),
        ("cart.eu.g.example", (("eu", "eu"),)),
        ("cart.us.g.example", (("us", "us"),)),
    ]


def test_ecs_is_believed_from_everywhere_and_own_prefixes_are_collected() -> None:
    model = read(
        BASE
        + POOLS
        + """
geo: {prefixes: [{cidr: 10.0.0.0/8, tags: {o: b}, country: de}]}
policies: [{name: x, steering: [{geo: {rules: [{match: {cidr: [10.0.0.0/8, "fd00::/8"]}, try: eu}]}}]}]
services: [{name: w.g.example, pools: [eu], policy: x}]
"""
    ).model
    assert model.ecs.networks == (ip_network("0.0.0.0/0"), ip_network("::/0"))
    assert model.ecs.own_prefixes == (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
    assert model.geo.prefixes[0].country == "DE"


def test_the_rate_limit_is_on_unless_it_is_off() -> None:
    ours = RateLimit(answers=1000, nxdomain=500, errors=500, client=20_000, slip=2, exempt=())
    assert read(BASE).model.dns == DnsSettings(rate_limit=ours)
    set_up = read(f"{BASE}\ndns: {{rate_limit: {{answers: 5, slip: 0, exempt: 192.0.2.0/24}}}}").model.dns
    assert set_up == DnsSettings(rate_limit=replace(ours, answers=5, slip=0, exempt=(ip_network("192.0.2.0/24"),)))
    assert read(f"{BASE}\ndns: {{rate_limit: off}}").model.dns == DnsSettings(rate_limit=None)
    both = read(f"{BASE}\ndns: {{rate_limit: off, max_nocookie_response: 512}}").model.dns
    assert both == DnsSettings(rate_limit=None, max_nocookie_response=512)


def test_not_everybody_can_be_exempt_from_rate_limits_one_by_one() -> None:
    many = ", ".join(f"10.{number >> 8}.{number & 255}.0/24" for number in range(10_001))
    with pytest.raises(ConfigErrors, match="more than 10,000 prefixes"):
        read(f"{BASE}\ndns: {{rate_limit: {{exempt: [{many}]}}}}")


def test_geo_databases_are_relative_to_the_file_that_names_them() -> None:
    databases = {"sub/City.mmdb": "", "/var/ASN.mmdb": ""}
    names = {"sub/geo.yaml": "geo: {database: [City.mmdb, /var/ASN.mmdb]}"}
    loaded = read(f"include: sub/geo.yaml\n{BASE}", **names, **databases)
    assert loaded.model.geo.databases == ("sub/City.mmdb", "/var/ASN.mmdb")
    assert loaded.files == ("gslb.yaml", "sub/geo.yaml")


def test_anchors_stand_for_whole_values() -> None:
    model = read(
        BASE
        + """
pools:
  - {name: a, members: &members [{name: a, address: 192.0.2.1}]}
  - {name: b, members: *members}
"""
    ).model
    assert model.pools[0].members[0].name == model.pools[1].members[0].name == "a"


@pytest.mark.parametrize(
    ("members", "answers", "all_down", "refused"),
    [
        (2142, "all", "nodata", ()),
        (2143, "all", "nodata", ("all 2143 members of pool `big` do not fit into a DNS message",)),
        (2143, "64", "nodata", ()),
        (2143, "1", "{addresses: [%s]}", ("`all_down`: 2143 addresses do not fit into a DNS message",)),
    ],
)
def test_an_answer_that_fits_no_message(members: int, answers: str, all_down: str, refused: tuple[str, ...]) -> None:
    addresses = [f"10.0.{number // 256}.{number % 256}" for number in range(members)]
    listed = ", ".join(f"{{name: m{number}, address: {address}}}" for number, address in enumerate(addresses))
    fallback = all_down.replace("%s", ", ".join(addresses))
    text = f"""{BASE}
pools: [{{name: big, members: [{listed}]}}]
services: [{{name: w.g.example, pools: [big], answers: {answers}, all_down: {fallback}}}]
"""
    problems: tuple[Problem, ...] = ()
    try:
        read(text)
    except ConfigErrors as errors:
        problems = errors.problems
    assert len(problems) == len(refused)
    for problem, start in zip(problems, refused, strict=True):
        assert problem.text.startswith(start)
