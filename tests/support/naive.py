"""A slow twin of `decide` for one class of one service, written from the rules alone: no sharing, nothing remembered.

It uses the values of the core but none of its steering functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from gslb.core.decision import WHOLE, Addresses, LastResort, Level, NoData, Outcome, Pools, ServFail, Shares
from gslb.core.directives import Action, Directives, Latch, Override, Scope, ScopeKind
from gslb.core.facts import Cause, Facts, State, Verdict
from gslb.core.layouts import Target
from gslb.core.model import AllDownKind, Endpoint, FailbackMode, Family, Member, Pool, Service
from gslb.core.monitors import Outside, When
from gslb.core.silence import Silence
from gslb.core.snapshot import Snapshot
from gslb.core.steering.stages.base import Stage
from gslb.core.steering.stages.geo import Entry, Geo
from gslb.core.steering.stages.nearest import Nearest
from gslb.core.steering.stages.priority import Priority
from gslb.core.steering.stages.weighted import Weighted

Weights = dict[str, int | Fraction]


@dataclass(frozen=True)
class Naive:
    snapshot: Snapshot
    directives: Directives
    facts: Facts
    silent: Silence

    def outcome(self, service: Service, family: Family, cls: int) -> Outcome:
        level, row = self.row(service, family, cls)
        if row and level < Level.ALL:
            return Pools(level, scaled(row))
        others = (self.row(service, other, cls) for other in Family if other is not family)
        if any(found and other_level < Level.ALL for other_level, found in others):
            return NoData()
        return self.all_down(service, family, row)

    def all_down(self, service: Service, family: Family, row: Weights) -> Outcome:
        rule = service.all_down
        if rule.kind is AllDownKind.SERVE_ALL and row:
            return Pools(Level.ALL, scaled(row))
        if rule.kind is AllDownKind.POOL:
            pool = self.pool(rule.pool or "")
            for level in Level:
                if self.serving(pool, service, family, level):
                    return LastResort(level, pool.name)
        if rule.kind is AllDownKind.ADDRESSES:
            version = 4 if family is Family.A else 6
            addresses = tuple(address for address in rule.addresses if address.version == version)
            return Addresses(addresses) if addresses else NoData()
        return ServFail() if rule.kind is AllDownKind.SERVFAIL else NoData()

    def row(self, service: Service, family: Family, cls: int) -> tuple[Level, Weights]:
        """The first pass that leaves something."""
        keys = self.snapshot.classes[service.policy].keys[cls]
        stages = next(policy.stages for policy in self.snapshot.model.policies if policy.name == service.policy)
        pools = {slot: self.pool(name) for slot, name in service.bindings}
        sites = {slot: pool.site or "" for slot, pool in pools.items()}
        allowed = self.eligible(service, cls)

        def run(slots: set[str]) -> Weights:
            row: Weights = {slot: Fraction(1) for slot in sorted(slots)}
            for stage, key in zip(stages, keys, strict=True):
                row = _apply(stage, key, row, sites)
            return row

        for level in Level:
            able = {slot for slot in allowed if self.serving(pools[slot], service, family, level)}
            row = run(able)
            if row and level is Level.HEALTHY:
                parts = {slot: self.pool_strength(pools[slot], service, family) for slot in able}
                rest = run({slot for slot in able if parts[slot] == 1})
                return level, _mixed(row, rest, parts) if rest else row
            if row:
                return level, row
        return Level.ALL, {}

    def pool_strength(self, pool: Pool, service: Service, family: Family) -> Fraction:
        """The greatest part that so many members have as the pool needs to be healthy."""
        members = self.serving(pool, service, family, Level.HEALTHY)
        weighted = [m for m in pool.members if m.weight and family in self.endpoint(m).families() and not m.standby]
        asked = pool.min_healthy
        needed = max(1, ceil(Fraction(asked.value * len(weighted), 100)) if asked.percent else asked.value)
        strongest = sorted((self.strength(pool, member, service, family) for member in members), reverse=True)
        return Fraction(strongest[needed - 1], 20)

    def eligible(self, service: Service, cls: int) -> set[str]:
        """Slots that fences and weights of 0 leave to the class."""
        keys = self.snapshot.classes[service.policy].keys[cls]
        stages = next(policy.stages for policy in self.snapshot.model.policies if policy.name == service.policy)
        allowed = {slot for slot, _ in service.bindings}
        for stage, key in zip(stages, keys, strict=True):
            if isinstance(stage, Geo) and key.startswith("r"):
                rule = stage.rules[int(key[1:]) - 1]
                if rule.fence:
                    allowed &= {slot for entry in rule.entries for slot, share in entry if share > 0}
            if isinstance(stage, Weighted):
                allowed -= {slot for slot, weight in stage.weights if weight == 0}
        return allowed

    def members(self, pool: Pool, service: Service, family: Family, level: Level) -> Shares:
        weights = {
            member.name: member.weight * self.strength(pool, member, service, family)
            for member in self.serving(pool, service, family, level)
        }
        return scaled(weights)

    def serving(self, pool: Pool, service: Service, family: Family, level: Level) -> list[Member]:
        """Who serves at a level; HEALTHY only with enough of them."""
        weighted = [m for m in pool.members if m.weight and family in self.endpoint(m).families()]
        usable = [m for m in weighted if not self.is_out(pool, m)]
        verdicts = {m.name: self.verdict(pool, m, service, family) for m in usable}
        for member in usable:
            if self.waits(pool, member, service, family) and verdicts[member.name] is not Verdict.DOWN:
                verdicts[member.name] = Verdict.RECOVERING
        up = [m for m in usable if verdicts[m.name] is Verdict.UP]
        if not up:
            up = [m for m in usable if verdicts[m.name] is Verdict.UNKNOWN]
        regular = [m for m in up if not m.standby]
        match level:
            case Level.HEALTHY:
                asked, total = pool.min_healthy, sum(not m.standby for m in weighted)
                enough = Fraction(len(regular) * 100, total or 1) if asked.percent else Fraction(len(regular))
                return regular if enough >= asked.value else []
            case Level.DEGRADED:
                return regular
            case Level.STANDBY:
                return up
            case Level.RECOVERING:
                return [m for m in usable if m in up or verdicts[m.name] is Verdict.RECOVERING]
            case Level.ALL:
                return [m for m in usable if not m.standby] or usable

    def waits(self, pool: Pool, member: Member, service: Service, family: Family) -> bool:
        """For an operator's word, where nobody has forced it up."""
        latched = self.latch(pool, member, service, family) is not None
        return latched and pool.failback.mode is FailbackMode.MANUAL and not self.is_forced_up(pool, member)

    def strength(self, pool: Pool, member: Member, service: Service, family: Family) -> int:
        """Twentieths of its weight; of what was down, only while it is up."""
        latch = self.latch(pool, member, service, family)
        ramps = pool.failback.mode is FailbackMode.RAMP and self.verdict(pool, member, service, family) is Verdict.UP
        return latch.step + 1 if latch is not None and ramps and not self.is_forced_up(pool, member) else 20

    def latch(self, pool: Pool, member: Member, service: Service, family: Family) -> Latch | None:
        monitor = service.monitor or pool.monitor
        if monitor is None or pool.site is None:
            return None
        key = (pool.name, monitor, family, member.name)
        return next((latch for latch in self.directives.latches if latch.key == key), None)

    def is_forced_up(self, pool: Pool, member: Member) -> bool:
        override = self.override(pool, member)
        return override is not None and override.action is Action.FORCE_UP

    def is_out(self, pool: Pool, member: Member) -> bool:
        override = self.override(pool, member)
        return override is not None and override.action in (Action.DRAIN, Action.FORCE_DOWN)

    def verdict(self, pool: Pool, member: Member, service: Service, family: Family) -> Verdict:
        override = self.override(pool, member)
        monitor = service.monitor or pool.monitor
        if (override is not None and override.action is Action.FORCE_UP) or monitor is None or pool.site is None:
            return Verdict.UP
        endpoint = self.endpoint(member)
        inside = Target(endpoint=endpoint.name, monitor=monitor, address=endpoint.probe_address(family))
        outside = Target(
            endpoint=endpoint.name, monitor=monitor, address=endpoint.outside_address(family), home=pool.site
        )
        heard = [state for site, live, state in self.states(inside) if site == pool.site and live]
        kept = [state for site, live, state in self.states(inside) if site == pool.site and not live]
        agents = [agent for agent, report in self.facts.reports.items() if report.site == pool.site]
        rules = next(found.outside for found in self.snapshot.model.monitors if found.name == monitor)
        is_mute = bool(agents) and all(agent in self.silent for agent in agents)
        if rules is not None and (rules.when is When.ALWAYS or is_mute) and self.is_lost(outside, rules):
            return Verdict.DOWN
        limit_ms = next(found.down_after_ms for found in self.snapshot.model.monitors if found.name == monitor)
        if is_mute and limit_ms is not None and all(self.silent[agent] >= limit_ms for agent in agents):
            others = [state for site, live, state in self.states(outside) if live and site != pool.site]
            if rules is None or not any(state.verdict in (Verdict.UP, Verdict.RECOVERING) for state in others):
                return Verdict.DOWN
        return together(heard or kept)

    def is_lost(self, outside: Target, rules: Outside) -> bool:
        """Whether enough sites have a verdict about a target that stands elsewhere, and all of them say DOWN."""
        others = [site.name for site in self.snapshot.model.sites if site.name != outside.home]
        if rules.observers:
            others = [site for site in others if site in rules.observers]
        quorum = rules.quorum or max(2, min(rules.sites, len(others)) // 2 + 1)
        views = [(site, state.verdict) for site, live, state in self.states(outside) if live and site != outside.home]
        views = [(site, verdict) for site, verdict in views if verdict is not Verdict.UNKNOWN]
        return len({site for site, _ in views}) >= quorum and {verdict for _, verdict in views} == {Verdict.DOWN}

    def states(self, target: Target) -> Iterator[tuple[str, bool, State]]:
        """(site, whether the agent is heard, what it says) of all who know the target."""
        layouts = {layout.digest: layout for layout in self.snapshot.layouts}
        for agent, report in self.facts.reports.items():
            layout = layouts.get(report.layout)
            if layout is None or layout.site != report.site or target not in layout.targets:
                continue
            state = State.from_octet(report.states[layout.targets.index(target)])
            if report.sick and state == State(Verdict.DOWN, Cause.TIMEOUT):
                state = State(Verdict.UNKNOWN, Cause.TIMEOUT)
            yield report.site, agent not in self.silent, state

    def override(self, pool: Pool, member: Member) -> Override | None:
        found = {override.scope: override for override in self.directives.overrides}
        for scope in (
            Scope(ScopeKind.MEMBER, f"{pool.name}/{member.name}"),
            Scope(ScopeKind.POOL, pool.name),
            Scope(ScopeKind.SITE, pool.site or ""),
        ):
            if scope in found:
                return found[scope]
        return None

    def pool(self, name: str) -> Pool:
        return next(pool for pool in self.snapshot.model.pools if pool.name == name)

    def endpoint(self, member: Member) -> Endpoint:
        return next(endpoint for endpoint in self.snapshot.model.endpoints if endpoint.name == member.endpoint)


def together(states: Iterable[State]) -> Verdict:
    """Several agents of a site."""
    known = [state for state in states if state.verdict is not Verdict.UNKNOWN]
    verdicts = {state.verdict for state in known}
    if any(state.verdict is Verdict.DOWN and state.cause is not Cause.TIMEOUT for state in known):
        return Verdict.DOWN
    if verdicts == {Verdict.DOWN}:
        return Verdict.DOWN
    return next((verdict for verdict in (Verdict.UP, Verdict.RECOVERING) if verdict in verdicts), Verdict.UNKNOWN)


def scaled(weights: Weights) -> Shares:
    """Largest remainder: everyone the floor, then one each by remainder, ties by name."""
    total = sum(weights.values())
    exact = {name: Fraction(weight * WHOLE, total) for name, weight in weights.items()}
    shares = {name: int(share) for name, share in exact.items()}
    for name in sorted(exact, key=lambda name: (shares[name] - exact[name], name)):
        if sum(shares.values()) < WHOLE:
            shares[name] += 1
    return tuple(sorted((name, share) for name, share in shares.items() if share))


def _mixed(row: Weights, rest: Weights, parts: dict[str, Fraction]) -> Weights:
    """Shares as without what ramps up, moved towards those with it."""
    shares, others = dict(scaled(row)), dict(scaled(rest))
    freed = sum(share * (1 - parts[slot]) for slot, share in shares.items())
    return {
        slot: shares.get(slot, 0) * parts[slot] + Fraction(others.get(slot, 0) * freed, WHOLE)
        for slot in shares.keys() | others.keys()
    }


def _apply(stage: Stage, key: str, row: Weights, sites: dict[str, str]) -> Weights:
    if isinstance(stage, Geo):
        return _geo(stage, key, row, sites)
    if isinstance(stage, Nearest):
        return _nearest(key, row, sites)
    if isinstance(stage, Priority):
        return next((kept for tier in stage.tiers if (kept := {s: row[s] for s in row if s in tier})), row)
    if isinstance(stage, Weighted):
        own = dict(stage.weights)
        return {slot: weight * own.get(slot, 1) for slot, weight in row.items() if own.get(slot, 1)}
    return dict.fromkeys(row, 1)


def _geo(stage: Geo, key: str, row: Weights, sites: dict[str, str]) -> Weights:
    fence = False
    entries: tuple[Entry, ...]
    if key.startswith("r"):
        rule = stage.rules[int(key[1:]) - 1]
        entries, fence = rule.entries, rule.fence
    elif stage.otherwise == "nearest":
        return _nearest(key.removeprefix("near:"), row, sites)
    elif stage.otherwise == "all":
        return row
    else:
        entries = stage.otherwise
    for entry in entries:
        kept = {slot: row[slot] * share for slot, share in entry if slot in row and share}
        if kept:
            return kept
    return {} if fence else row


def _nearest(key: str, row: Weights, sites: dict[str, str]) -> Weights:
    if not key:
        return row
    groups = [set(group.split("=")) for group in key.split("<")]
    known = set().union(*groups)
    for group in groups:
        kept = {slot: weight for slot, weight in row.items() if sites[slot] in group}
        if kept:
            return kept
    return {slot: weight for slot, weight in row.items() if sites[slot] not in known}
