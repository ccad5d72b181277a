"""The demo's world: three sites with two servers each, a witness, clients all over the globe, and its configuration."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network

ZONE = "demo.example"
SERVICE = f"www.{ZONE}"
WITNESS = "sao-paulo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A site: where it stands and which addresses its servers have."""

    site: str
    latitude: float
    longitude: float
    addresses: tuple[str, ...]

    @property
    def pool(self) -> str:
        return f"web-{self.site}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    name: str
    site: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client, known to us as resolvers tell: by its network."""

    where: str
    network: IPv4Network


PLACES = (
    Place(site="us-east", latitude=39.0, longitude=-77.5, addresses=("127.1.1.1", "127.1.1.2")),
    Place(site="eu-west", latitude=53.3, longitude=-6.3, addresses=("127.1.2.1", "127.1.2.2")),
    Place(site="ap-south", latitude=1.3, longitude=103.8, addresses=("127.1.3.1", "127.1.3.2")),
)

SERVERS = tuple(
    Server(name=f"{place.site}-{number}", site=place.site, address=address)
    for place in PLACES
    for number, address in enumerate(place.addresses, 1)
)

CLIENTS = tuple(
    Client(where=where, network=IPv4Network(network))
    for where, network in (
        ("London, Britain", "81.2.69.0/24"),
        ("Berlin, Germany", "91.0.4.0/24"),
        ("Paris, France", "90.0.0.0/24"),
        ("Mountain View, USA", "8.8.8.0/24"),
        ("Toronto, Canada", "70.24.0.0/24"),
        ("Campinas, Brazil", "200.160.0.0/24"),
        ("Tokyo, Japan", "133.0.0.0/24"),
        ("Mumbai, India", "117.192.0.0/24"),
        ("Sydney, Australia", "1.128.0.0/24"),
        ("Pretoria, South Africa", "196.25.1.0/24"),
    )
)

HUNTING_GROUNDS = {
    "us-east": IPv4Network("12.0.0.0/16"),
    "eu-west": IPv4Network("91.0.0.0/16"),
    "ap-south": IPv4Network("133.0.0.0/16"),
}
"""Networks near each site, in which a client of a given server is always found."""


def configuration(http_port: int) -> str:
    """The demo's gslb.yaml: Europe to Europe, America to America, the rest to the nearest, then whoever is left."""
    sites = "\n".join(
        f"  - {{name: {place.site}, location: {{latitude: {place.latitude}, longitude: {place.longitude}}},"
        " probe_allow: [127.0.0.0/8]}"
        for place in PLACES
    )
    pools = "\n".join(
        f"  - {{name: {place.pool}, site: {place.site}, members: ["
        + ", ".join(f"{{name: {s.name}, address: {s.address}}}" for s in SERVERS if s.site == place.site)
        + "]}"
        for place in PLACES
    )
    return f"""\
# What `gslb demo` runs. `gslb explain {SERVICE} --client 81.2.69.0/24` says why a client gets its answer.
zones:
  - name: {ZONE}
    nameservers: [ns1.{ZONE}, ns2.{ZONE}]
    contact: hostmaster@{ZONE}
    records:
      - {{name: ns1, type: A, data: 127.0.0.1}}
      - {{name: ns2, type: A, data: 127.0.0.1}}
sites:
{sites}
  - {{name: {WITNESS}, location: {{latitude: -23.5, longitude: -46.6}}, probe_allow: [127.0.0.0/8]}}
monitors:
  - name: web
    type: http
    port: {http_port}
    path: /healthz
    expect: {{status: 200, body: ok}}
    interval: 500ms
    timeout: 400ms
    failback: {{mode: auto, after: 500ms}}
    outside: true
defaults: {{monitor: web, ttl: 20s}}
pools:
{pools}
services:
  - name: {SERVICE}
    pools: [{", ".join(place.pool for place in PLACES)}]
    steering:
      - geo:
          rules:
            - {{match: {{continent: EU}}, try: [web-eu-west, web-us-east]}}
            - {{match: {{continent: [NA, SA]}}, try: [web-us-east, web-eu-west]}}
          otherwise: nearest
      - weighted
"""
