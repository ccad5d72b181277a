"""Steering chains: blocks to stages, their order, slots that they never give, rules that claim the same clients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gslb.config.limits import MAX_COMPARISONS, MAX_RULES
from gslb.config.nodes import Node, locate, place
from gslb.config.problems import Problems
from gslb.config.schema import steering as schema
from gslb.core.steering.stages.base import Role, Stage
from gslb.core.steering.stages.geo import Entry, Geo, GeoRule, Match
from gslb.core.steering.stages.hash import Hash
from gslb.core.steering.stages.nearest import Nearest
from gslb.core.steering.stages.priority import Priority
from gslb.core.steering.stages.round_robin import RoundRobin
from gslb.core.steering.stages.weighted import Weighted

Stages = tuple[Stage, ...]
WEIGHTED: Stages = (Weighted(),)


@dataclass(slots=True)
class Comparisons:
    """How many pairs of rules may still be compared, in all chains together."""

    left: int = MAX_COMPARISONS


def build_chain(blocks: schema.Steering, node: Node, comparisons: Comparisons, problems: Problems) -> Stages:
    """The stages, `weighted` added where no sharing stage is named. `node`: the value of `steering`."""
    found: list[Stage] = []
    for number, block in enumerate(blocks):
        at = locate(node, [number]).node
        stage = _build(block, at, comparisons, problems)
        if stage is None:
            continue
        shared = next((earlier.kind for earlier in found if earlier.role == Role.SHARING), None)
        if shared is not None:
            rule = "filters come first" if stage.role == Role.FILTER else "a chain has one sharing stage"
            problems.error(at.mark, f"`{stage.kind}` cannot follow `{shared}`: {rule}, then nothing")
        found.append(stage)
    if all(stage.role == Role.FILTER for stage in found):
        found.extend(WEIGHTED)
    return tuple(found)


def named_slots(stages: Stages) -> frozenset[str]:
    """Slots that the chain names anywhere, those with a share of 0 too."""
    return frozenset(slot for stage in stages for slot in _named(stage))


def slots_in_place(blocks: schema.Steering, node: Node) -> Iterator[tuple[str, Node]]:
    """Every slot written in a chain, with where."""
    for number, block in enumerate(blocks):
        at = locate(node, [number]).node
        if block.geo is not None:
            yield from _geo_slots(block.geo, locate(at, ["geo"]).node)
        for tier_number, tier in enumerate(block.priority or ()):
            for slot_number, slot in enumerate(tier):
                yield slot, locate(at, ["priority", tier_number, slot_number]).node
        for slot in block.weighted or ():
            yield slot, locate(at, ["weighted", slot]).node


def excluding(stages: Stages, slot: str) -> str | None:
    """The kind of the stage that never lets `slot` through, if there is one.

    Filters let everything through where nothing else is left; a pool that serves only then was meant otherwise.
    """
    for stage in stages:
        match stage:
            case Geo(otherwise="nearest" | "all"):
                continue
            case Geo() | Priority() if slot not in _named(stage):
                return stage.kind
            case _:
                continue
    return None


def _geo_slots(geo: schema.Geo, node: Node) -> Iterator[tuple[str, Node]]:
    for number, rule in enumerate(geo.rules):
        yield from _entry_slots(rule.try_, locate(node, ["rules", number, "try"]).node)
    if not isinstance(geo.otherwise, str):
        yield from _entry_slots(geo.otherwise, locate(node, ["otherwise"]).node)


def _entry_slots(entries: tuple[schema.Shares, ...], node: Node) -> Iterator[tuple[str, Node]]:
    for number, entry in enumerate(entries):
        for slot in entry:
            yield slot, locate(node, [number, slot]).node


def _named(stage: Stage) -> frozenset[str]:
    if not isinstance(stage, Geo):
        return stage.slots()
    lists = [rule.entries for rule in stage.rules]
    if not isinstance(stage.otherwise, str):
        lists.append(stage.otherwise)
    return frozenset(slot for entries in lists for entry in entries for slot, _ in entry)


def _build(block: schema.Stage, node: Node, comparisons: Comparisons, problems: Problems) -> Stage | None:
    kinds = sorted(block.model_fields_set)
    if len(kinds) != 1:
        text = f"{' and '.join(f'`{kind}`' for kind in kinds)} stand in one item: make each a list item of its own"
        problems.error(node.mark, text if kinds else "this item names no stage: write one, or remove it")
        return None
    match kinds[0]:
        case "geo" if block.geo is not None:
            return _GeoBuilder(comparisons, problems).build(block.geo, locate(node, ["geo"]).node)
        case "priority" if block.priority is not None:
            return _priority(block.priority, locate(node, ["priority"]).node, problems)
        case "weighted":
            return Weighted(tuple((block.weighted or {}).items()))
        case "nearest":
            return Nearest()
        case "round_robin":
            return RoundRobin()
        case _:
            return Hash()


def _priority(tiers: tuple[tuple[str, ...], ...], node: Node, problems: Problems) -> Priority:
    if not tiers:
        problems.error(node.mark, "`priority` has no tiers: write them as [[first], [second, third]]")
    seen: set[str] = set()
    for number, tier in enumerate(tiers):
        if not tier:
            problems.error(place(node, number), "this tier is empty: name a slot, or remove it")
        for slot_number, slot in enumerate(tier):
            if slot in seen:
                problems.error(place(node, number, slot_number), f"slot `{slot}` stands in two places: keep the first")
            seen.add(slot)
    return Priority(tiers=tiers)


@dataclass(frozen=True, slots=True)
class _GeoBuilder:
    comparisons: Comparisons
    problems: Problems

    def build(self, geo: schema.Geo, node: Node) -> Geo:
        if len(geo.rules) > MAX_RULES:
            self.problems.error(
                place(node, "rules"), f"a chain may have {MAX_RULES} rules: merge some by listing values"
            )
        rules = tuple(
            GeoRule(
                match=_match(rule.match),
                entries=self._entries(rule.try_, locate(node, ["rules", number, "try"]).node),
                fence=rule.fence,
            )
            for number, rule in enumerate(geo.rules[:MAX_RULES])
        )
        self._check_overlaps(rules, node)
        match geo.otherwise:
            case "nearest":
                return Geo(rules=rules, otherwise="nearest")
            case str():
                return Geo(rules=rules, otherwise="all")
            case entries:
                return Geo(rules=rules, otherwise=self._entries(entries, locate(node, ["otherwise"]).node))

    def _entries(self, entries: tuple[schema.Shares, ...], node: Node) -> tuple[Entry, ...]:
        if not entries:
            self.problems.error(node.mark, "there is nothing to try: name slots, as in [eu, us]")
        for number, entry in enumerate(entries):
            if not any(entry.values()):
                self.problems.error(place(node, number), "no slot here has a share above 0: give one a share")
        return tuple(tuple(entry.items()) for entry in entries)

    def _check_overlaps(self, rules: tuple[GeoRule, ...], node: Node) -> None:
        """Equal specificity takes a common value of the most specific kind, so only rules with one are compared."""
        by_value: dict[object, list[int]] = {}
        for number, rule in enumerate(rules):
            rivals = {rival for value in _claims(rule.match) for rival in by_value.get(value, ())}
            self.comparisons.left -= len(rivals)
            if self.comparisons.left < 0:
                self.problems.error(node.mark, "there are too many rules that may overlap to compare them: use fewer")
                return
            for rival in sorted(rivals):
                if rules[rival].match.ambiguous_with(rule.match):
                    first = place(node, "rules", rival)
                    self.problems.error(
                        place(node, "rules", number),
                        f"this rule and the one at {first} mean the same clients ({rule.match.describe()}) "
                        "and neither is more specific: change or merge them",
                    )
                    break
            for value in _claims(rule.match):
                by_value.setdefault(value, []).append(number)


def _claims(match: Match) -> tuple[object, ...]:
    """Values of the most specific kind; all tags are one value, for each tag name is a kind of its own."""
    if match.cidrs:
        return match.cidrs
    if match.tags:
        return ("tag",)
    return match.asns or match.cities or match.subdivisions or match.countries or match.continents or ("world",)


def _match(match: schema.Match) -> Match:
    return Match(
        continents=match.continent,
        countries=match.country,
        subdivisions=match.subdivision,
        cities=match.city,
        asns=match.asn,
        cidrs=match.cidr,
        tags=tuple((name, value) for name, values in match.tag.items() for value in values),
    )
