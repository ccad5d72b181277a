"""Who stands where, and the configuration in force."""

from __future__ import annotations

from chaos.judge import Question
from chaos.truth import Member

COORDINATORS = ("a", "b", "c")
ETCD = ("etcd-1", "etcd-2", "etcd-3")
DNS = ("dns-1", "dns-2")
SITES = ("eu", "us")
WITNESS = "witness"
CROWD = ("crowd-1", "crowd-2", "crowd-3", "crowd-4")
"""Sites without servers, whose many agents only one scenario knows."""
AGENTS = {site: f"agent-{site}" for site in (*SITES, WITNESS)}
SERVERS = {site: f"servers-{site}" for site in SITES}
STRANGER = "stranger"
"""A host that is not ours: floods and attempts come from there."""
HOSTS = (*COORDINATORS, *ETCD, *DNS, *AGENTS.values(), *SERVERS.values(), STRANGER)
PER_SITE = 6
FIRST = 11
"""Last octet of a site's first member."""
ADMIN, WEB, METRICS, ETCD_CLIENT, ETCD_PEER = 7400, 8080, 7480, 2379, 2380

ALL, ONE = "all.gslb.test", "one.gslb.test"
"""Answered with all members that serve, and with one."""
CLIENTS = {"eu": ("81.2.69.0/24", "81.2.70.0/24", "81.3.0.0/24"), "us": ("66.9.0.0/24", "66.9.1.0/24", "66.10.0.0/24")}


def members() -> tuple[Member, ...]:
    numbers = {site: HOSTS.index(host) + 1 for site, host in SERVERS.items()}
    return tuple(
        Member(name=f"{site}{number + 1}", site=site, address=f"10.99.{numbers[site]}.{FIRST + number}")
        for number in range(PER_SITE)
        for site in SITES
    )


def questions() -> tuple[Question, ...]:
    """Every other one shows a loss of any member of one site."""
    asked = []
    for number, _ in enumerate(CLIENTS["eu"]):
        for site in SITES:
            others = tuple(other for other in SITES if other != site)
            client = CLIENTS[site][number]
            asked.append(Question(name=ALL, client=CLIENTS[site][0], sites=(site, *others), every=True))
            asked.append(Question(name=ONE, client=client, sites=(site, *others), every=False))
    return tuple(asked)


def configuration(clients: str, *, more: str = "") -> str:
    """`clients`: the prefixes that ask as often as they like. `more`: YAML added at the end."""
    return f"""\
dns: {{rate_limit: {{exempt: [{clients}]}}}}
zones:
  - {{name: gslb.test, nameservers: [ns1.gslb.test], contact: ops@gslb.test,
     records: [{{name: ns1, type: A, data: 192.0.2.53}}]}}
sites: [{", ".join(f"{{name: {site}}}" for site in (*AGENTS, *CROWD))}]
monitors:
  - {{name: web, type: http, port: {WEB}, path: /healthz, failback: {{after: 0s}},
     outside: {{from: [eu, us, witness]}}}}
defaults: {{monitor: web, ttl: 5s}}
pools:
{_pools()}
policies:
  - name: near
    steering:
      - geo:
          rules:
            - {{match: {{cidr: [81.2.0.0/16, 81.3.0.0/16]}}, try: [eu, us]}}
            - {{match: {{cidr: [66.9.0.0/16, 66.10.0.0/16]}}, try: [us, eu]}}
      - weighted
services:
  - {{name: {ALL}, pools: [eu, us], policy: near, answers: all}}
  - {{name: {ONE}, pools: [eu, us], policy: near}}
{more}"""


def _pools() -> str:
    lines = []
    for site in SITES:
        listed = ", ".join(f"{{name: {one.name}, address: {one.address}}}" for one in members() if one.site == site)
        lines.append(f"  - {{name: {site}, site: {site}, members: [{listed}]}}")
    return "\n".join(lines)
