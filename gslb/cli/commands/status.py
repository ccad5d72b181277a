"""gslb status: who serves what, what stands behind it, and how far every dns server is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import click
from rich.table import Table
from rich.text import Text

from gslb.api.v1 import admin_pb2, facts_pb2
from gslb.cli import client, options, screen
from gslb.cli.rollouts import describe
from gslb.config.problems import did_you_mean
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
def status(admin: tuple[SocketAddress, ...], as_json: bool, services: tuple[str, ...]) -> None:
    """Show who serves what: shares, verdicts with their evidence and age, agents, and every dns server's revision."""
    request = admin_pb2.GetStatusRequest()
    answer = client.call(admin, lambda stub: stub.GetStatus(request, timeout=client.CALL_TIMEOUT_S))
    if as_json:
        screen.print_json(answer)
        return
    out = screen.console()
    out.print(
        f"coordinator {answer.coordinator} (Aya {answer.version}), order {_order(answer.order)}, "
        f"decision {_digest(answer.decision)}, {_rate(answer.queries_per_s)} queries/s"
    )
    if answer.rollout.stage == admin_pb2.ROLLOUT_STAGE_TRIAL:
        out.print(describe(answer.rollout), style="yellow")
    for alarm in answer.alarms:
        out.print(f"ALARM {alarm}", style="bold red")
    wanted = _known(answer, services)
    parts = (
        _services(answer, wanted),
        _pools(answer),
        _agents(answer),
        _dns_servers(answer),
        _coordinators(answer),
        _overrides(answer),
    )
    for made in parts:
        if made.row_count:
            out.print()
            out.print(made)


def _known(answer: admin_pb2.GetStatusResponse, services: Iterable[str]) -> set[str]:
    """The names that were asked for, as the answer has them. Raises ClickException for one that it has not."""
    shown = {service.name for service in answer.services}
    wanted = {name.rstrip(".").lower() for name in services}
    for name in sorted(wanted - shown):
        raise click.ClickException(f"no service '{name}' is shown{did_you_mean(name, shown)}")
    return wanted


def _services(answer: admin_pb2.GetStatusResponse, wanted: set[str]) -> Table:
    made = screen.table("service", "type", "clients", "queries/s>", "served by", "level", title="Services")
    for service in answer.services:
        if wanted and service.name not in wanted:
            continue
        for number, family in enumerate(service.families):
            for part in family.classes:
                served = ", ".join(f"{pool.name} {screen.percent(pool.share)}" for pool in part.pools)
                made.add_row(
                    service.name,
                    family.family,
                    _clients(list(part.labels)),
                    _rate(part.queries_per_s) if number == 0 else "",  # it is of all families
                    served or part.instead,
                    part.level,
                )
    return made


def _rate(per_s: float) -> str:
    return f"{per_s:.0f}" if per_s >= 10 else f"{per_s:.1f}"


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
            made.add_row(
                *first,
                member.name,
                member.address,
                Text(member.verdict, style=_COLOURS.get(member.verdict, "")),
                screen.age(member.verdict_age_ms) if member.verdict_age_ms else "",
                _evidence(pool, member),
                f"{member.latency_us / 1000:.1f} ms" if member.latency_us else "",
                str(member.weight),
                screen.percent(member.share) if member.serving else "-",
                ", ".join(_notes(pool, member)),
            )
    return made


def _evidence(pool: admin_pb2.PoolStatus, member: admin_pb2.MemberStatus) -> str:
    """With its monitor, since a pool has a row of verdicts for every monitor that services use."""
    seen = member.detail or member.cause
    return f"{pool.monitor}: {seen}" if pool.monitor and seen else seen


def _notes(pool: admin_pb2.PoolStatus, member: admin_pb2.MemberStatus) -> Iterator[str]:
    if member.standby:
        yield "standby"
    if member.HasField("override"):
        yield _ACTIONS.get(member.override.action, "?")
    if member.HasField("latch") and member.back:
        since = f" since {screen.utc(member.latch.up_unix_s)}" if member.latch.up_unix_s else ""
        yield ("ramps up" if pool.failback == "ramp" else "waits for failback") + since
    if member.flaps > 1:
        yield f"down {member.flaps} times in 15 min"


def _agents(answer: admin_pb2.GetStatusResponse) -> Table:
    made = screen.table("site", "agent", "state", "heard>", "boot>", "lag>", title="Agents")
    for site in answer.sites:
        for agent in site.agents:
            name = agent.agent.partition("/")[2]
            made.add_row(
                f"{site.name}{' (witness)' if site.witness else ''}",
                name,
                Text(", ").join(_agent_states(agent)),
                screen.age(agent.age_ms),
                str(agent.boot),
                f"{agent.lag_ms} ms",
            )
        if not site.agents:
            made.add_row(
                f"{site.name}{' (witness)' if site.witness else ''}", "-", Text("never heard", style="red"), "", "", ""
            )
    return made


def _agent_states(agent: admin_pb2.AgentStatus) -> Iterator[Text]:
    if agent.elsewhere:
        yield Text("heard by another coordinator", style="yellow")
    else:
        yield Text("silent", style="red") if agent.silent else Text("heard", style="green")
    if agent.sick:
        yield Text("doubts itself", style="red")
    if not agent.current:
        yield Text("earlier layout", style="yellow")


def _dns_servers(answer: admin_pb2.GetStatusResponse) -> Table:
    made = screen.table("dns server", "engine", "order", "decision", "state", "heard>", "queries>", title="DNS servers")
    for server in answer.dns_servers:
        if not server.connected:
            state = Text("away", style="red")
        elif server.refused:
            state = Text(f"refused: {server.refused}", style="red")
        elif server.trouble:
            state = Text(f"asked itself: {server.trouble}", style="red")
        elif server.spoilt:
            state = Text(f"cannot use {server.spoilt}", style="red")
        elif server.break_glass:
            state = Text(f"break glass: {server.break_glass} ({_digest(server.break_glass_digest)})", style="red")
        elif answer.rollout.first == server.name and answer.rollout.stage == admin_pb2.ROLLOUT_STAGE_TRIAL:
            state = Text(f"first with revision {answer.rollout.revision}", style="yellow")
        elif server.decision == answer.decision:
            state = Text("same decision", style="green")
        else:
            state = Text("other decision", style="yellow")
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


def _coordinators(answer: admin_pb2.GetStatusResponse) -> Table:
    made = screen.table("coordinator", "address", "order", "state", title="Coordinators")
    for one in answer.coordinators if len(answer.coordinators) > 1 else ():
        state = Text("heard", style="green") if one.connected else Text("away", style="red")
        if one.leads:
            state.append(", leads", style="bold")
        made.add_row(one.name, one.address, _order(one.order) if one.connected else "", state)
    return made


def _overrides(answer: admin_pb2.GetStatusResponse) -> Table:
    made = screen.table("override", "of", "by", "why", "until", title="Overrides")
    for override in answer.overrides:
        until = "cleared"
        if override.until_unix_s:
            until = screen.utc(override.until_unix_s)
        kind = facts_pb2.ScopeKind.Name(override.scope.kind).removeprefix("SCOPE_KIND_").lower()
        made.add_row(
            _ACTIONS.get(override.action, "?"), f"{kind} {override.scope.name}", override.who, override.why, until
        )
    return made


def _order(order: facts_pb2.Order) -> str:
    return f"{order.incarnation}.{order.config}.{order.directive}"


def _digest(digest: bytes) -> str:
    return digest.hex()[:8] or "-"
