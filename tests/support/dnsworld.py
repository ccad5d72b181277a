"""A small world to ask questions of: zones with every kind of name, and services of every kind."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from ipaddress import ip_address, ip_network

import dns.edns
import dns.message
import dns.rdatatype
import dns.rrset
from support.nativeworld import Native, chunks_of

from dns_server.engines.base import Engine
from gslb.config import BundleSource, load
from gslb.core.answering.answer import Answered, Dropped, answer
from gslb.core.answering.identity import NOBODY, Identity
from gslb.core.answering.source import Client, Transport
from gslb.core.answering.view import View, build_view
from gslb.core.classes.maps import GeoTable, class_maps
from gslb.core.classes.ranges import longest_match
from gslb.core.compile import compile_snapshot
from gslb.core.directives import NO_DIRECTIVES, Directives
from gslb.core.facts import AgentId, Cause, Facts, Report, State, Verdict
from gslb.core.order import Order
from gslb.core.place import NOWHERE, Place
from gslb.core.silence import NO_SILENCE
from gslb.core.snapshot import RangeMap, Snapshot
from gslb.core.steering.decide import decide

RESOLVER = "203.0.113.53"
LONDON, DETROIT, TOKYO = "81.2.69.0/24", "216.160.83.0/24", "202.196.224.0/20"

CONFIG = """
dns: {rate_limit: off}
ecs: {from: [203.0.113.0/24, "2001:db8:53::/48", 127.0.0.0/8, "::1/128"]}
geo: {prefixes: [{cidr: 10.1.0.0/16, country: DE}]}
zones:
  - {name: example.test, nameservers: [ns1.example.test, ns2.elsewhere.test], contact: ops@example.test,
     negative_ttl: 10s, file: example.zone}
  - {name: far.between.example.test, nameservers: [ns1.example.test], contact: ops@example.test}
  - {name: child.example.test, nameservers: [ns1.example.test], contact: ops@example.test}
sites:
  - {name: eu, location: {latitude: 53.3, longitude: -6.3}}
  - {name: us, location: {latitude: 39.0, longitude: -77.5}}
monitors: [{name: web, type: tcp, port: 80}]
pools:
  - {name: eu, site: eu, monitor: web, members: [{name: e1, address: [192.0.2.1, "2001:db8:e::1"]}]}
  - {name: us, site: us, monitor: web,
     members: [{name: u1, address: 198.51.100.1}, {name: u2, address: 198.51.100.2}, {name: u3, address: 198.51.100.3}]}
  - {name: cdn, members: [{name: c, host: edge.cdn.test}]}
  - {name: inside, members: [{name: w, host: www.example.test}]}
  - {name: broken, site: us, monitor: web, members: [{name: b, address: 198.51.100.66}]}
policies:
  - name: by-continent
    steering: [{geo: {rules: [{match: {continent: EU}, try: [eu, us]}], otherwise: [us, eu]}}, weighted]
services:
  - {name: www.example.test, pools: [eu, us], policy: by-continent, ttl: 20s}
  - {name: both.example.test, pools: [us], answers: 2}
  - {name: all.example.test, pools: [us], answers: all}
  - {name: one.example.test, pools: [eu]}
  - {name: mixed.example.test, pools: [eu, us]}
  - {name: turns.example.test, pools: [us], by: query}
  - {name: cdn.example.test, pools: [cdn]}
  - {name: inside.example.test, pools: [inside]}
  - {name: silent.example.test, pools: [broken], all_down: nodata}
  - {name: failing.example.test, pools: [broken], all_down: servfail}
  - {name: sorry.example.test, pools: [broken], all_down: {addresses: [192.0.2.200, 192.0.2.201, "2001:db8::200"]}}
"""

RECORDS = r"""
$TTL 300
ns1          A     192.0.2.53
ns1          AAAA  2001:db8::53
@            MX    10 mail
mail         A     192.0.2.25
host         A     192.0.2.7
host         TXT   "a host"
www          TXT   "beside a service"
any          SRV   1 2 443 host
any          CAA   0 issue "ca.test"
any          HTTPS 1 . alpn=h2
any          TYPE65280 \# 3 010203
deep.empty   A     192.0.2.8
*.wild       A     192.0.2.9
*.wild       TXT   "synthesised"
x.deep.wild  A     192.0.2.10
*.alias      CNAME host
cname        CNAME host
chain1       CNAME chain2
chain2       CNAME chain3
chain3       CNAME host
loop1        CNAME loop2
loop2        CNAME loop1
self         CNAME self
outside      CNAME www.elsewhere.test.
dangling     CNAME nothing
tosub        CNAME a.sub
towww        CNAME www
tochild      CNAME www.child
dname        DNAME target
a.target     A     192.0.2.11
dnameout     DNAME elsewhere.test.
long         DNAME {long}
big          TXT   {big}
sub          NS    ns.sub
sub          NS    ns.other
sub          NS    ns.elsewhere.test.
sub          DS    1 13 2 {digest}
ns.sub       A     192.0.2.60
ns.sub       AAAA  2001:db8::60
other        NS    ns.other
ns.other     A     192.0.2.61
wide         NS    {wide}
{wide_glue}
"""


def _records() -> str:
    names = [f"a-rather-long-name-for-a-nameserver-{number:02}.wide" for number in range(13)]
    return (
        RECORDS.replace("{long}", ".".join(["x" * 60] * 3) + ".elsewhere.test.")
        .replace("{big}", "\nbig TXT ".join(f'"{number:03}-{"x" * 96}"' for number in range(40)))
        .replace("{digest}", "00" * 32)
        .replace("{wide_glue}", "\n".join(f"{name} AAAA 2001:db8::{number:x}" for number, name in enumerate(names)))
        .replace("{wide}", "\nwide NS ".join(names))
    )


FIRST = Order(1, 1, 0)

GERMANY = Place(continent="EU", country="DE", tags=(), own=True)
PLACES = (NOWHERE, Place(continent="EU", country="GB"), Place(continent="NA", country="US"), GERMANY)


def _ranges(width: int, *prefixes: tuple[str, int]) -> RangeMap:
    networks = [ip_network(text) for text, _ in prefixes]
    found = longest_match([(int(n.network_address), n.prefixlen) for n in networks], width)
    return RangeMap(found.starts, tuple(prefixes[at - 1][1] if at else 0 for at in found.classes))


V4 = _ranges(32, ("81.0.0.0/8", 1), ("216.160.0.0/14", 2), ("10.1.0.0/16", 3))
V6 = _ranges(128, ("2a02::/16", 1), ("2600::/12", 2))
SMALL_GEO = GeoTable(v4=V4, v6=V6, ecs_v4=V4, ecs_v6=V6, places=PLACES)


def make_snapshot(
    config: str = CONFIG, order: Order = FIRST, geo: GeoTable = SMALL_GEO, records: str | None = None
) -> Snapshot:
    """`records`: what `example.zone` holds instead."""
    files = {"gslb.yaml": config.encode(), "example.zone": (records or _records()).encode()}
    model = load(BundleSource(files), "gslb.yaml").model
    serials = {zone.apex: 2026110101 for zone in model.zones}
    return compile_snapshot(model, class_maps(model, geo), order=order, serials=serials, earlier=(), seed=7)


@cache
def world() -> Snapshot:
    return make_snapshot()


def facts_of(snapshot: Snapshot, down: Iterable[str] = ("broken/b",), sequence: int = 1) -> Facts:
    """Every site's agent says that all is up but `down`, by endpoint."""
    lost = frozenset(down)
    reports = {}
    for layout in snapshot.layouts:
        states = bytes(
            State(Verdict.DOWN, Cause.REFUSED).octet if t.endpoint in lost else State(Verdict.UP, Cause.OK).octet
            for t in layout.targets
        )
        agent = AgentId(f"{layout.site}/1")
        reports[agent] = Report(agent=agent, boot=1, sequence=sequence, layout=layout.digest, states=states)
    return Facts(reports)


def make_view(
    snapshot: Snapshot | None = None, facts: Facts | None = None, directives: Directives = NO_DIRECTIVES
) -> View:
    snapshot = snapshot or world()
    decision = decide(snapshot, directives, facts if facts is not None else facts_of(snapshot), NO_SILENCE)
    return build_view(snapshot).with_decision(decision)


@cache
def view() -> View:
    """The world with everything up but the pool `broken`."""
    return make_view()


def serve(engine: Engine, view: View) -> None:
    """Let an engine answer with this from now on."""
    engine.prepare(view, chunks_of(view))
    engine.publish(view)


def query_for(name: str, rrtype: str, subnet: str | None = None, **options: object) -> dns.message.QueryMessage:
    """A query; `subnet` is its ECS prefix. Options as for dnspython."""
    ecs = []
    if subnet is not None:
        address, _, bits = subnet.partition("/")
        ecs = [dns.edns.ECSOption(address, int(bits))]
    if ecs or options:
        options.setdefault("use_edns", 0)
    return dns.message.make_query(name, rrtype, options=ecs or None, **options)


_NATIVES: dict[int, tuple[View, Native]] = {}
"""By the identity of the view, which stands beside it so that no other one gets the same."""
_MAX_NATIVES = 8


def native_of(view: View) -> Native:
    """The native engine beside the reference."""
    kept = _NATIVES.get(id(view))
    if kept is None:
        if len(_NATIVES) == _MAX_NATIVES:
            _NATIVES.clear()
        kept = _NATIVES[id(view)] = view, Native(view)
    return kept[1]


def ask_wire(
    packet: bytes,
    *,
    at: View | None = None,
    client: str = RESOLVER,
    tcp: bool = False,
    entropy: int = 0,
    identity: Identity = NOBODY,
    unix_s: int = 0,
) -> Answered | Dropped:
    """What both engines say, which is the same."""
    at = at if at is not None else view()
    asker = Client(ip_address(client), Transport.TCP if tcp else Transport.UDP, unix_s=unix_s)
    result = answer(packet, asker, at, entropy, identity=identity)
    native = native_of(at)
    answerer = native.with_identity(identity.nsid, identity.secrets) if identity is not NOBODY else native.answerer
    said = answerer.answer(packet, asker, entropy)
    assert said == (result.message if isinstance(result, Answered) else None), packet.hex()
    return result


def answered(packet: bytes, *, client: str = RESOLVER, tcp: bool = False) -> Answered:
    """What both engines answer where something must be answered."""
    result = ask_wire(packet, client=client, tcp=tcp)
    assert isinstance(result, Answered), result
    return result


def ask(
    name: str,
    rrtype: str,
    subnet: str | None = None,
    *,
    at: View | None = None,
    client: str = RESOLVER,
    tcp: bool = False,
    entropy: int = 0,
    **options: object,
) -> dns.message.Message:
    """The reply of both engines, as another implementation reads it."""
    query = query_for(name, rrtype, subnet, **options)
    result = ask_wire(query.to_wire(), at=at, client=client, tcp=tcp, entropy=entropy)
    assert isinstance(result, Answered), result
    reply = dns.message.from_wire(result.message)
    assert query.is_response(reply)
    return reply


def lines(section: Iterable[dns.rrset.RRset]) -> list[str]:
    """A section as text, one record a line, without the final dots of owner names."""
    return [
        f"{rrset.name.to_text(omit_final_dot=True)} {rrset.ttl} {dns.rdatatype.to_text(rrset.rdtype)} {rdata.to_text()}"
        for rrset in section
        for rdata in rrset
    ]


def addresses(reply: dns.message.Message) -> list[str]:
    """Addresses of the answer, in its order."""
    types = (dns.rdatatype.A, dns.rdatatype.AAAA)
    return [rdata.address for rrset in reply.answer if rrset.rdtype in types for rdata in rrset]


def scope_of(reply: dns.message.Message) -> int | None:
    """The ECS scope prefix-length; None without the option."""
    found = [option for option in reply.options if isinstance(option, dns.edns.ECSOption)]
    assert len(found) <= 1
    return found[0].scopelen if found else None
