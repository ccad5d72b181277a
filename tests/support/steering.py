"""Stories about steering: a configuration as users write it, clients by what is known of them, and what happens.

A story is text: `configuration` (YAML, but for the zone and the monitors `web`, `watched`, `doubted`, `fading`) and
`clients`, then sections that begin with events, one between commas; what they change stays changed:
`all up`, `MEMBER up|down|recovering|unknown [CAUSE]`, `ACTION site|pool|member NAME`, `clear`, `silent SITE [FOR_S]`,
`heard SITE`, `sick SITE`, `well SITE`, `nothing`; `looks [STEP]`: the leader notes what followed from the section
before, ramps being at STEP; `failback POOL[/MEMBER]`. No agent has reported before `all up`. What one site alone cannot
reach: `SITE loses MEMBER|all`, of what stands elsewhere, until `SITE sees MEMBER|all`.
"""

from __future__ import annotations

from dataclasses import replace
from textwrap import dedent

from gslb.config import BundleSource, load
from gslb.core.classes.maps import GeoTable, class_maps
from gslb.core.classes.ranges import find
from gslb.core.compile import compile_snapshot
from gslb.core.decision import WHOLE, Shares
from gslb.core.directives import NO_DIRECTIVES, Action, Directives, Override, Scope, ScopeKind
from gslb.core.facts import NO_FACTS, AgentId, Cause, Report, State, Verdict, merge
from gslb.core.layouts import Target
from gslb.core.names import Name
from gslb.core.order import Order
from gslb.core.place import NOWHERE, Place
from gslb.core.snapshot import RangeMap, Snapshot
from gslb.core.steering.decide import changed_endpoints, changed_latches, decide
from gslb.core.steering.failback import advance

ZONE = """\
zones:
  - name: gslb.test
    nameservers: [ns1.gslb.test]
    contact: hostmaster@gslb.test
    records: [{name: ns1, type: A, data: 192.0.2.53}]
monitors:
  [{name: web, type: http}, {name: watched, type: tcp, port: 80, outside: true},
  {name: doubted, type: tcp, port: 80, outside: {when: always}},
  {name: fading, type: tcp, port: 80, outside: true, unknown: {down_after: 60s}}]
"""
WWW = Name.from_text("www.gslb.test")
CAUSES = {Verdict.UP: Cause.OK, Verdict.RECOVERING: Cause.OK, Verdict.DOWN: Cause.REFUSED, Verdict.UNKNOWN: Cause.NONE}


class Story:
    """What is so after the `when` lines read so far; every decision is taken both whole and on top of the last."""

    def __init__(self, configuration: str, clients: dict[str, Place]) -> None:
        self.clients = {name: (number + 1) << 24 for number, name in enumerate(clients)}
        model = load(BundleSource({"gslb.yaml": (ZONE + configuration).encode()}), "gslb.yaml").model
        ranges = RangeMap((0, *self.clients.values()), tuple(range(len(clients) + 1)))
        table = GeoTable(v4=ranges, v6=ranges, ecs_v4=ranges, ecs_v6=ranges, places=(NOWHERE, *clients.values()))
        self.snapshot: Snapshot = compile_snapshot(
            model,
            class_maps(model, table),
            order=Order(),
            serials={zone.apex: 1 for zone in model.zones},
            earlier=(),
            seed=1,
        )
        self.service = next(service for service in model.services if service.name == WWW)
        self.states: dict[str, State] = {}
        self.sick: set[str] = set()
        self.lost: set[tuple[str, str]] = set()
        """(site, member elsewhere that it cannot reach)"""
        self.silent: dict[AgentId, int] = {}
        self.reporting = False
        self.facts = NO_FACTS
        self.directives: Directives = NO_DIRECTIVES
        self.decision = decide(self.snapshot, self.directives, self.facts, self.silent)

    def happen(self, events: list[str]) -> None:
        facts, silent, directives = self.facts, dict(self.silent), self.directives
        for event in events:
            self.apply(event.split())
        self.report()
        dirty = changed_endpoints(self.snapshot, facts, self.facts, silent, self.silent)
        whole = decide(self.snapshot, self.directives, self.facts, self.silent)
        latched = changed_latches(self.snapshot, directives, self.directives)
        on_top = None if latched is None else dirty | latched
        self.decision = decide(self.snapshot, self.directives, self.facts, self.silent, self.decision, on_top)
        assert self.decision == whole

    def apply(self, words: list[str]) -> None:
        match words:
            case ["all", "up"]:
                self.reporting = True
                self.states.clear()
            case ["clear"]:
                self.directives = replace(self.directives, overrides=())
            case ["silent", site, *for_s]:
                self.silent[AgentId(f"{site}/a")] = 1000 * int(for_s[0]) if for_s else 0
            case ["heard", site]:
                del self.silent[AgentId(f"{site}/a")]
            case ["sick", site]:
                self.sick.add(site)
            case ["well", site]:
                self.sick.remove(site)
            case ["looks", *steps]:
                self.look(int(steps[0]) if steps else 0)
            case ["failback", name]:
                self.release(*name.split("/"))
            case [site, "loses", member]:
                self.lost |= {(site, name) for name in self.elsewhere(site, member)}
            case [site, "sees", member]:
                self.lost -= {(site, name) for name in self.elsewhere(site, member)}
            case [action, "site" | "pool" | "member" as kind, name]:
                self.override(Scope(ScopeKind(kind), name), Action(action))
            case [member, verdict, *cause]:
                found = Verdict[verdict.upper()]
                self.states[member] = State(found, Cause[cause[0].upper()] if cause else CAUSES[found])
            case _:
                assert words == ["nothing"], f"unknown event: {words}"

    def override(self, scope: Scope, action: Action) -> None:
        override = Override(scope=scope, action=action, who="ann", why="test", since_unix_s=0, until_unix_s=None)
        self.directives = replace(self.directives, overrides=(*self.directives.overrides, override))

    def look(self, step: int) -> None:
        """The leader notes what follows from the last decision; time has taken all ramps to `step`."""
        revision = self.directives.revision + 1
        latches = advance(
            self.snapshot,
            self.decision,
            self.directives.latches,
            steps={latch.key: step for latch in self.directives.latches},
            revision=revision,
            now_unix_s=revision,
        )
        self.directives = replace(self.directives, revision=revision, latches=latches)

    def release(self, pool: str, member: str = "") -> None:
        kept = (
            latch for latch in self.directives.latches if pool != latch.key.pool or member not in ("", latch.key.member)
        )
        self.directives = replace(self.directives, latches=tuple(kept))

    def report(self) -> None:
        """A fresh register of one agent a site."""
        for layout in self.snapshot.layouts if self.reporting else ():
            agent = AgentId(f"{layout.site}/a")
            before = self.facts.reports.get(agent)
            states = (self.state(layout.site, target) for target in layout.targets)
            report = Report(
                agent=agent,
                boot=1,
                sequence=before.sequence + 1 if before is not None else 1,
                layout=layout.digest,
                states=bytes(state.octet for state in states),
                sick=layout.site in self.sick,
            )
            self.facts = merge(self.facts, report)

    def state(self, site: str, target: Target) -> State:
        member = target.endpoint.rpartition("/")[2]
        if target.home and (site, member) in self.lost:
            return State(Verdict.DOWN, Cause.TIMEOUT)
        return self.states.get(member, State(Verdict.UP, Cause.OK))

    def elsewhere(self, site: str, member: str) -> set[str]:
        """The members that `member` means to agents of `site` who look outside."""
        pools = (pool for pool in self.snapshot.model.pools if pool.site != site)
        return {found.name for pool in pools for found in pool.members if member in ("all", found.name)}

    def classed(self, client: str) -> int:
        """The class of one of the clients."""
        classes = self.snapshot.classes[self.service.policy]
        return find(classes.full_v4, self.clients[client]).cls


def tell(parts: dict[str, str]) -> Story:
    """The beginning of a story, from its sections."""
    clients = (line.partition(":") for line in parts["clients"].splitlines())
    return Story(parts["configuration"], {name: place(text) for name, _, text in clients})


def percents(shares: Shares) -> str:
    return ", ".join(f"{name} {100 * share / WHOLE:.3g}%" for name, share in shares)


def place(text: str) -> Place:
    """`continent=EU country=DE at=52.5,13.4 tag.office=berlin asn=3320`"""
    given = dict(word.split("=", 1) for word in text.split())
    latitude, longitude = given["at"].split(",") if "at" in given else (None, None)
    return Place(
        continent=given.get("continent", ""),
        country=given.get("country", ""),
        asn=int(given.get("asn", 0)),
        latitude=float(latitude) if latitude else None,
        longitude=float(longitude) if longitude else None,
        tags=tuple((key[4:], value) for key, value in sorted(given.items()) if key.startswith("tag.")),
    )


def sections(text: str) -> dict[str, str]:
    """The indented text below each line that is not."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line and not line.startswith((" ", "#")):
            found[line] = []
        elif line.strip() and not line.startswith("#"):
            found[list(found)[-1]].append(line)
    return {title: dedent("\n".join(lines)) for title, lines in found.items()}
