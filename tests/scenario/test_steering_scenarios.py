"""Steering told as text: a configuration, clients, then what happens and who gets what. One file a subject.

`when` lines change the world, one event between commas, and what they change stays changed:
`all up`, `MEMBER up|down|recovering|unknown [CAUSE]`, `ACTION site|pool|member NAME`, `clear`, `silent SITE`,
`heard SITE`, `sick SITE`, `well SITE`, `nothing`. No agent has reported before `all up`.

Below it, `CLIENT FAMILY -> OUTCOME` is a row of the decision for the service www, `POOL FAMILY -> LEVEL MEMBERS` what a
pool's members share at its best level, `alarm -> yes` that `all_down` is in force. Shares are in percent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from textwrap import dedent, indent

import pytest

from gslb.config import BundleSource, load
from gslb.core.classes import GeoTable, class_maps
from gslb.core.compile import compile_snapshot
from gslb.core.decide import changed_endpoints, decide
from gslb.core.decision import WHOLE, Addresses, NoData, Outcome, Pools, Shares
from gslb.core.directives import NO_DIRECTIVES, Action, Directives, Override, Scope, ScopeKind
from gslb.core.facts import NO_FACTS, AgentId, Cause, Report, State, Verdict, merge
from gslb.core.model import Family
from gslb.core.names import Name
from gslb.core.order import Order
from gslb.core.place import NOWHERE, Place
from gslb.core.pools import best_level
from gslb.core.ranges import find
from gslb.core.snapshot import RangeMap, Snapshot

FOLDER = Path(__file__).parent / "steering"
ZONE = """\
zones:
  - name: gslb.test
    nameservers: [ns1.gslb.test]
    contact: hostmaster@gslb.test
    records: [{name: ns1, type: A, data: 192.0.2.53}]
monitors: [{name: web, type: http}, {name: watched, type: tcp, port: 80, outside: true}]
"""
WWW = Name.from_text("www.gslb.test")
CAUSES = {Verdict.UP: Cause.OK, Verdict.RECOVERING: Cause.OK, Verdict.DOWN: Cause.REFUSED, Verdict.UNKNOWN: Cause.NONE}


class World:
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
        self.states: dict[str, State] = {}
        self.sick: set[str] = set()
        self.silent: frozenset[AgentId] = frozenset()
        self.reporting = False
        self.facts = NO_FACTS
        self.directives: Directives = NO_DIRECTIVES
        self.decision = decide(self.snapshot, self.directives, self.facts, self.silent)

    def happen(self, events: list[str]) -> None:
        facts, silent, directives = self.facts, self.silent, self.directives
        for event in events:
            self.apply(event.split())
        self.report()
        dirty = changed_endpoints(self.snapshot, facts, self.facts, silent, self.silent)
        whole = decide(self.snapshot, self.directives, self.facts, self.silent)
        on_top = None if self.directives != directives else dirty
        self.decision = decide(self.snapshot, self.directives, self.facts, self.silent, self.decision, on_top)
        assert self.decision == whole

    def apply(self, words: list[str]) -> None:
        match words:
            case ["all", "up"]:
                self.reporting = True
                self.states.clear()
            case ["clear"]:
                self.directives = NO_DIRECTIVES
            case ["silent", site]:
                self.silent |= {AgentId(f"{site}/a")}
            case ["heard", site]:
                self.silent -= {AgentId(f"{site}/a")}
            case ["sick", site]:
                self.sick.add(site)
            case ["well", site]:
                self.sick.remove(site)
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

    def report(self) -> None:
        """A fresh register of one agent a site."""
        for layout in self.snapshot.layouts if self.reporting else ():
            agent = AgentId(f"{layout.site}/a")
            before = self.facts.reports.get(agent)
            states = (self.state(target.endpoint) for target in layout.targets)
            report = Report(
                agent=agent,
                boot=1,
                sequence=before.sequence + 1 if before is not None else 1,
                layout=layout.digest,
                states=bytes(state.octet for state in states),
                sick=layout.site in self.sick,
            )
            self.facts = merge(self.facts, report)

    def state(self, endpoint: str) -> State:
        return self.states.get(endpoint.rpartition("/")[2], State(Verdict.UP, Cause.OK))

    def shown(self, question: str) -> str:
        if question == "alarm":
            return "yes" if WWW in self.decision.down else "no"
        who, family = question.split()
        if who in self.clients:
            classes = self.snapshot.classes[self.service_policy()]
            return show(self.decision.rows[WWW, Family(family)][find(classes.full_v4, self.clients[who]).cls])
        key = next(key for key in self.decision.pools if key.pool == who and key.family == family)
        vectors = self.decision.pools[key].vectors
        level = best_level(vectors)
        return "nothing" if level is None else f"{level.name.lower()} {percents(vectors[level])}"

    def service_policy(self) -> str:
        return next(service.policy for service in self.snapshot.model.services if service.name == WWW)


def show(outcome: Outcome) -> str:
    match outcome:
        case Pools(level, shares):
            return f"{level.name.lower()} {percents(shares)}"
        case Addresses(addresses):
            return f"addresses {', '.join(map(str, addresses))}"
        case NoData():
            return "nodata"
        case _:
            return "servfail"


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


def replayed(parts: dict[str, str]) -> Iterator[str]:
    """The `when` sections again, with what really came out."""
    configuration, clients = parts.pop("configuration"), parts.pop("clients")
    places = (line.partition(":") for line in clients.splitlines())
    world = World(configuration, {name: place(text) for name, _, text in places})
    for title, lines in parts.items():
        world.happen(title.removeprefix("when ").split(", "))
        questions = [line.partition("->")[0].rstrip() for line in lines.splitlines()]
        answers = "\n".join(f"{question} -> {world.shown(question)}" for question in questions)
        yield f"{title}\n{indent(answers, '  ')}"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_scenario(path: Path) -> None:
    parts = sections(path.read_text())
    expected = [f"{title}\n{indent(lines, '  ')}" for title, lines in parts.items() if title.startswith("when ")]
    assert list(replayed(parts)) == expected
