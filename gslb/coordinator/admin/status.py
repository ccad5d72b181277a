"""GetStatus: who serves what and why, from one decision and what the hub knows beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import assert_never

from gslb import __version__
from gslb.api.v1 import admin_pb2 as pb
from gslb.codec.facts import dump_order, dump_override
from gslb.coordinator.admin.decider import Concluded
from gslb.coordinator.admin.members import PoolStatuses
from gslb.coordinator.peers.roster import Roster
from gslb.coordinator.relay.agents import Agents
from gslb.coordinator.relay.dns_servers import DnsServer
from gslb.coordinator.relay.hub import Hub
from gslb.core.decision import Addresses, Decision, LastResort, Level, NoData, Outcome, Pools, ServFail, shares_of
from gslb.core.demand import Demand
from gslb.core.facts import AgentId
from gslb.core.layouts import layouts
from gslb.core.model import Family, Service
from gslb.core.snapshot import ClassMap, Snapshot
from gslb.core.steering.stages.base import Key
from gslb.runtime.rpc import MAX_MESSAGE_BYTES

MAX_LABELS = 20
"""Of the classes that get the same; there can be thousands."""
FORGOTTEN_S = 100 * 365 * 24 * 3600.0
"""The age of an agent whose site has left the configuration since the decision that is shown."""
MAX_STATUS_BYTES = MAX_MESSAGE_BYTES - 64 * 1024


def make_head(
    name: str, hub: Hub, roster: Roster, concluded: Concluded | None, alarms: Sequence[str], now_s: float
) -> pb.GetStatusResponse:
    """All but services and pools. `now_s`: of the monotonic clock."""
    return pb.GetStatusResponse(
        order=dump_order(hub.order),
        decision=concluded.decision.digest if concluded else b"",
        sites=_sites(concluded, hub) if concluded else (),
        dns_servers=[_dns_server(server, now_s) for server in hub.dns_servers.all()],
        overrides=map(dump_override, hub.directives.overrides),
        alarms=alarms,
        coordinator=name,
        version=__version__,
        queries_per_s=hub.demands.now.total,
        coordinators=_coordinators(name, hub, roster),
    )


def add_details(
    status: pb.GetStatusResponse, concluded: Concluded, agents: Agents, demand: Demand, now_s: float
) -> None:
    """Services and pools; blocking, for there can be thousands. What is too much is cut to what is not healthy."""
    status.services.extend(_services(concluded.snapshot, concluded.decision, demand))
    status.pools.extend(PoolStatuses(concluded, agents, now_s).all())
    if status.ByteSize() > MAX_STATUS_BYTES:
        _keep_unhealthy(status)
    while status.ByteSize() > MAX_STATUS_BYTES and (status.services or status.pools):
        del status.services[len(status.services) // 2 :]
        del status.pools[len(status.pools) // 2 :]


def _coordinators(name: str, hub: Hub, roster: Roster) -> Iterator[pb.CoordinatorStatus]:
    """This one, and all others that are listed."""
    for each, address in sorted({name: "", **roster.addresses}.items()):
        order = hub.order if each == name else hub.peers.orders.get(address)
        yield pb.CoordinatorStatus(
            name=each,
            address=address,
            leads=each == roster.leader,
            connected=order is not None,
            order=dump_order(order) if order is not None else None,
        )


def _keep_unhealthy(status: pb.GetStatusResponse) -> None:
    services = [one for one in status.services if not all(map(_is_healthy, one.families))]
    pools = [one for one in status.pools if not all(member.serving for member in one.members)]
    status.alarms.append(
        f"too much to show: {len(services)} of {len(status.services)} services and {len(pools)} of {len(status.pools)}"
        " pools are not wholly healthy, only they are listed"
    )
    del status.services[:], status.pools[:]
    status.services.extend(services)
    status.pools.extend(pools)


def _is_healthy(family: pb.FamilyStatus) -> bool:
    return all(part.level == Level.HEALTHY.name.lower() for part in family.classes)


def _sites(concluded: Concluded, hub: Hub) -> Iterator[pb.SiteStatus]:
    model = concluded.snapshot.model
    with_pools = {pool.site for pool in model.pools}
    current = {layout.site: layout.digest for layout in layouts(model)}
    agents, heard = sorted({*hub.agents.all(), *concluded.facts.reports}), hub.presence.heard()
    for site in model.sites:
        here = [agent for agent in agents if agent.partition("/")[0] == site.name]
        yield pb.SiteStatus(
            name=site.name,
            witness=site.name not in with_pools,
            agents=[_agent(agent, concluded, hub, heard, current[site.name]) for agent in here],
        )


def _agent(agent: AgentId, concluded: Concluded, hub: Hub, heard: frozenset[AgentId], layout: bytes) -> pb.AgentStatus:
    status = pb.AgentStatus(
        agent=agent,
        age_ms=int(min(hub.agents.age_s(agent), FORGOTTEN_S) * 1000),
        silent=agent not in heard,
        elsewhere=agent in heard and hub.agents.is_silent(agent),
        version=hub.agents.version(agent),
    )
    report = concluded.facts.reports.get(agent)
    if report is not None:
        status.boot, status.sequence = report.boot, report.sequence
        status.sick, status.lag_ms = report.sick, report.lag_ms
        status.current = report.layout == layout
    return status


def _dns_server(server: DnsServer, now_s: float) -> pb.DnsServerStatus:
    return pb.DnsServerStatus(
        name=server.name,
        engine=server.engine,
        version=server.version,
        order=dump_order(server.order),
        decision=server.decision,
        age_ms=int((now_s - server.seen_s) * 1000),
        connected=server.streams > 0,
        queries_total=server.queries_total,
        break_glass=server.break_glass[0],
        break_glass_digest=server.break_glass[1],
        trouble=server.trouble,
        spoilt=server.spoilt,
        refused=f"{server.refused[0]}: {server.refused[1]}" if server.refused else "",
    )


def _services(snapshot: Snapshot, decision: Decision, demand: Demand) -> Iterator[pb.ServiceStatus]:
    by_service = demand.by_service()
    for service in snapshot.model.services:
        rates = by_service.get(service.name, {})
        classes = snapshot.classes[service.policy]
        families = [
            pb.FamilyStatus(
                family=family, classes=_classes(classes, decision.rows[service.name, family], service, rates)
            )
            for family in Family
            if (service.name, family) in decision.rows
        ]
        yield pb.ServiceStatus(
            name=str(service.name), policy=service.policy, families=families, queries_per_s=sum(rates.values())
        )


def _classes(
    classes: ClassMap, row: Sequence[Outcome], service: Service, rates: Mapping[tuple[Key, ...], float]
) -> Iterator[pb.ClassStatus]:
    """Classes that get the same are one."""
    alike: dict[Outcome, list[int]] = {}
    for cls, outcome in enumerate(row):
        alike.setdefault(outcome, []).append(cls)
    for outcome, those in alike.items():
        status = _outcome(outcome, service)
        status.queries_per_s = sum(rates.get(classes.keys[cls], 0.0) for cls in those) if rates else 0.0
        shown = list(dict.fromkeys(classes.labels[cls] for cls in those))
        status.labels.extend(shown[:MAX_LABELS])
        if len(shown) > MAX_LABELS:
            status.labels.append(f"and {len(shown) - MAX_LABELS} more")
        yield status


def _outcome(outcome: Outcome, service: Service) -> pb.ClassStatus:
    match outcome:
        case Pools(level) | LastResort(level):
            pools = [pb.NamedShare(name=name, share=share) for name, share in shares_of(outcome, service.bindings)]
            return pb.ClassStatus(level=level.name.lower(), pools=pools)
        case Addresses(addresses=addresses):
            return pb.ClassStatus(instead=", ".join(map(str, addresses)))
        case NoData():
            return pb.ClassStatus(instead="NODATA")
        case ServFail():
            return pb.ClassStatus(instead="SERVFAIL")
        case _:
            assert_never(outcome)
