"""gslb status: who serves what, what stands behind it, and how far every dns server is."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

import click
from rich.table import Table

from gslb.api.v1 import admin_pb2, facts_pb2
from gslb.cli import client, options, screen
from gslb.runtime.addresses import SocketAddress

_ACTIONS = {
    facts_pb2.OVERRIDE_ACTION_DRAIN: "drained",
    facts_pb2.OVERRIDE_ACTION_FORCE_DOWN: "forced down",
    facts_pb2.OVERRIDE_ACTION_FORCE_UP: "forced up",
}
_COLOURS = {"up": "green", "down": "red", "recovering": "yellow", "unknown": "dim"}


@click.command()
@options.admin
@options.as_json
@click.option("--service", "services", multiple=True, help="Only this service; repeat for several.")
def status(admin: SocketAddress, as_json: bool, services: tuple[str, ...]) -> None:
    """Show who serves what: shares, verdicts with their evidence and age, agents, and every dns server's revision."""
    request = admin_pb2.GetStatusRequest()
    answer = client.call(admin, lambda stub: stub.GetStatus(request, timeout=client.CALL_TIMEOUT_S))
    if as_json:
        screen.print_json(answer)
        return
    out = screen.console()
    out.print(
        f"coordinator {answer.coordinator} (Aya {answer.version}), order {_order(answer.order)}, "
        f"decision {_digest(answer.decision)}"
    )
    for alarm in answer.alarms:
        out.print(f"ALARM {alarm}", style="bold red", markup=False)
    wanted = {name.rstrip(".").lower() for name in services}
    for made in (_services(answer, wanted), _pools(answer), _agents(answer), _dns_servers(answer), _overrides(answer)):
        if made.row_count:
            out.print(made)


def _services(answer: admin_pb2.GetStatusResponse, wanted: set[str]) -> Table:
    made = screen.table("service", "type", "clients", "served by", "level", title="Services")
    for service in answer.services:
        if wanted and service.name not in wanted:
            continue
        for family in service.families:
            for part in family.classes:
                served = ", ".join(f"{pool.name} {screen.percent(pool.share)}" for pool in part.pools)
                made.add_row(
                    service.name, family.family, _clients(list(part.labels)), served or part.instead, part.level
                )
    return made


def _clients(labels: list[str]) -> str:
    """Labels of the classes that get the same, shortened."""
    shown = "; ".join(label or "everyone" for label in labels[:3])
    return shown + (f"; {len(labels) - 3} more classes" if len(labels) > 3 else "")


def _pools(answer: admin_pb2.GetStatusResponse) -> Table:
    columns = ("pool", "site", "member", "address", "verdict", "for>", "evidence", "probe>", "weight>", "share>", "")
    made = screen.table(*columns, title="Pools")
    for pool in answer.pools:
        for index, member in enumerate(pool.members):
            first = (f"{pool.name}{'' if pool.healthy else ' (!)'}", pool.site) if index == 0 else ("", "")
            colour = _COLOURS.get(member.verdict, "")
            made.add_row(
                *first,
                member.name,
                member.address,
                f"[{colour}]{member.verdict}[/]" if colour else member.verdict,
                screen.age(member.verdict_age_ms) if member.verdict_age_ms else "",
                member.detail or member.cause,
                f"{member.latency_us / 1000:.1f} ms" if member.latency_us else "",
                str(member.weight) + (" standby" if member.standby else ""),
                screen.percent(member.share) if member.serving else "-",
                _override(member.override) if member.HasField("override") else "",
            )
    return made


def _agents(answer: admin_pb2.GetStatusResponse) -> Table:
    made = screen.table("site", "agent", "state", "heard>", "boot>", "lag>", title="Agents")
    for site in answer.sites:
        for agent in site.agents:
            name = agent.agent.partition("/")[2]
            made.add_row(
                f"{site.name}{' (witness)' if site.witness else ''}",
                name,
                ", ".join(_agent_states(agent)),
                screen.age(agent.age_ms),
                str(agent.boot),
                f"{agent.lag_ms} ms",
            )
        if not site.agents:
            made.add_row(f"{site.name}{' (witness)' if site.witness else ''}", "-", "[red]never heard[/]", "", "", "")
    return made


def _agent_states(agent: admin_pb2.AgentStatus) -> Iterator[str]:
    yield "[red]silent[/]" if agent.silent else "[green]heard[/]"
    if agent.sick:
        yield "[red]doubts itself[/]"
    if not agent.current:
        yield "[yellow]earlier layout[/]"


def _dns_servers(answer: admin_pb2.GetStatusResponse) -> Table:
    made = screen.table("dns server", "engine", "order", "decision", "state", "heard>", "queries>", title="DNS servers")
    for server in answer.dns_servers:
        if not server.connected:
            state = "[red]away[/]"
        elif server.refused:
            state = f"[red]refused: {server.refused}[/]"
        elif server.decision == answer.decision:
            state = "[green]same decision[/]"
        else:
            state = "[yellow]other decision[/]"
        made.add_row(
            server.name,
            server.engine,
            _order(server.order),
            _digest(server.decision),
            state,
            screen.age(server.age_ms),
            str(server.queries_total),
        )
    return made


def _overrides(answer: admin_pb2.GetStatusResponse) -> Table:
    made = screen.table("override", "of", "by", "why", "until", title="Overrides")
    for override in answer.overrides:
        until = "cleared"
        if override.until_unix_s:
            until = f"{datetime.datetime.fromtimestamp(override.until_unix_s, datetime.UTC):%Y-%m-%d %H:%M:%S} UTC"
        kind = facts_pb2.ScopeKind.Name(override.scope.kind).removeprefix("SCOPE_KIND_").lower()
        made.add_row(
            _ACTIONS.get(override.action, "?"), f"{kind} {override.scope.name}", override.who, override.why, until
        )
    return made


def _override(override: facts_pb2.Override) -> str:
    return _ACTIONS.get(override.action, "?") + (f": {override.why}" if override.why else "")


def _order(order: facts_pb2.Order) -> str:
    return f"{order.incarnation}.{order.config}.{order.directive}"


def _digest(digest: bytes) -> str:
    return digest.hex()[:8] or "-"
