"""What an operator should look at now, as sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gslb.coordinator.admin.decider import Concluded
from gslb.coordinator.admin.scopes import has_scope
from gslb.coordinator.relay.hub import Hub
from gslb.core.model import FailbackMode
from gslb.core.steering.failback import are_full, held

MAX_SERVICES = 100
"""That are listed one by one when they fail together."""
MAX_MEMBERS = 5
"""That are named of a pool."""
DIFFERS_AFTER_S = 3.0
"""How long a dns server's decision may differ from the coordinator's while a change spreads."""


def raise_alarms(hub: Hub, concluded: Concluded | None, troubles: Sequence[str], now_s: float) -> tuple[str, ...]:
    """`troubles`: with the store and the configuration in it. `now_s`: of the monotonic clock."""
    alarms = [*troubles]
    if concluded is not None:
        alarms += _services(concluded)
        alarms += _agents(hub, concluded)
        alarms += _overrides(hub, concluded)
        alarms += _failbacks(concluded)
    return (*alarms, *_dns_servers(hub, now_s))


def _services(concluded: Concluded) -> Iterator[str]:
    down = sorted(concluded.decision.down)
    for name in down[:MAX_SERVICES]:
        yield f"service {name}: nothing that serves is left for some of its clients, `all_down` is in force"
    if len(down) > MAX_SERVICES:
        yield f"{len(down) - MAX_SERVICES} more services: nothing that serves is left, `all_down` is in force"


def _agents(hub: Hub, concluded: Concluded) -> Iterator[str]:
    reports = concluded.facts.reports
    heard = {report.site for agent, report in reports.items() if agent not in concluded.silent}
    known = {agent.partition("/")[0] for agent in hub.agents.all()}
    ages_s = hub.presence.silent_s()
    for agent in sorted(concluded.silent):
        site, age_s = reports[agent].site, ages_s.get(agent, 0.0)
        alone = f"; no agent of its site is heard, {_verdicts(concluded, site)}" if site not in heard else ""
        yield f"agent {agent} is silent for {age_s:.0f} s{alone}"
    for agent, report in sorted(reports.items()):
        if report.sick:
            yield f"agent {agent} doubts itself (lag {report.lag_ms} ms): the time-outs it sees count as unknown"
    for site, assignment in concluded.publication.assignments.items():
        if assignment.targets and site not in known:
            yield f"site {site}: no agent has been heard"


def _verdicts(concluded: Concluded, site: str) -> str:
    """What has become of them where all agents are silent."""
    passed_ms = min(limit for agent, limit in concluded.silent.items() if concluded.facts.reports[agent].site == site)
    probed = {
        target.monitor for layout in concluded.snapshot.layouts if layout.site == site for target in layout.targets
    }
    limits_ms = {one.name: one.down_after_ms for one in concluded.snapshot.model.monitors if one.name in probed}
    lapsed = sorted(name for name, limit in limits_ms.items() if limit is not None and limit <= passed_ms)
    return f"verdicts there of monitor {', '.join(lapsed)} have lapsed" if lapsed else "verdicts there are kept"


def _overrides(hub: Hub, concluded: Concluded) -> Iterator[str]:
    """Of what has left the configuration: forgotten, they would meet whoever brings it back."""
    for override in hub.directives.overrides:
        scope = override.scope
        if not has_scope(scope, concluded.snapshot.model):
            action = override.action.replace("_", " ")
            yield (
                f"the {action} of {scope.kind} {scope.name} is of nothing in the configuration: clear it, or it holds"
                " when that comes back"
            )


def _failbacks(concluded: Concluded) -> Iterator[str]:
    """Members that wait for an operator, by pool."""
    waiting: dict[str, set[str]] = {}
    for seen, latch in held(concluded.snapshot, concluded.directives, concluded.decision):
        if seen.failback.mode is FailbackMode.MANUAL:
            waiting.setdefault(latch.key.pool, set()).add(latch.key.member)
    for pool, members in waiting.items():
        shown = ", ".join(sorted(members)[:MAX_MEMBERS]) + (" ..." if len(members) > MAX_MEMBERS else "")
        yield f"pool {pool}: up again, and waiting for `gslb failback {pool}`: {shown}"
    latches = concluded.directives.latches
    if are_full(latches):
        yield (
            f"{len(latches)} members are noted down, more are not: those come back by themselves, whatever their"
            " `failback` says"
        )


def _dns_servers(hub: Hub, now_s: float) -> Iterator[str]:
    newest = hub.newest_order
    for server in hub.dns_servers.all():
        if server.refused is not None:
            order, reason = server.refused
            yield f"dns server {server.name} refused {order} and goes on with {server.order}: {reason}"
        if server.streams and server.order > newest:
            yield (
                f"dns server {server.name} serves {server.order} and takes nothing from here, where {newest} is in"
                " force: this store is older or another one; bring the newer one back, or start that dns server with"
                " an empty data folder"
            )
        if server.break_glass[0] and server.streams:
            count, digest = server.break_glass
            yield (
                f"dns server {server.name} answers by {count} override{'s' * (count != 1)} of a break-glass file on"
                f" its machine (digest {digest.hex()[:8]}), which beat everything said here"
            )
        if server.spoilt and server.streams:
            yield (
                f"dns server {server.name} cannot use a file on its machine and goes by what that said before:"
                f" {server.spoilt}"
            )
        if server.trouble and server.streams:
            yield f"dns server {server.name} gets wrong answers when it asks itself: {server.trouble}"
        if server.differs_since_s is not None and now_s - server.differs_since_s > DIFFERS_AFTER_S:
            yield (
                f"dns server {server.name} decides otherwise than this coordinator from the same order for"
                f" {now_s - server.differs_since_s:.0f} s"
            )
        if not server.streams:
            yield f"dns server {server.name} is away for {now_s - server.seen_s:.0f} s; it answers with what it had"
