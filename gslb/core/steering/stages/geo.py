"""`geo`: the most specific rule that means the client says which slots to try, in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

from gslb.core.errors import InvalidSnapshot
from gslb.core.place import Place
from gslb.core.steering.stages import parameters
from gslb.core.steering.stages.base import Bench, Key, Reach, Role, Row, Step
from gslb.core.steering.stages.match import Match, Network
from gslb.core.steering.stages.nearest import Nearest

__all__ = ["Entry", "Geo", "GeoRule", "Match"]

Entry = tuple[tuple[str, int], ...]
"""A share map of slots; one slot alone is `((slot, 1),)`."""

_NEAREST = Nearest()
_NEAR = "near:"


@dataclass(frozen=True, slots=True, kw_only=True)
class GeoRule:
    """`entries`: tried in order, the first with something available serves. `fence`: else nothing does."""

    match: Match
    entries: tuple[Entry, ...]
    fence: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Geo:
    """`otherwise`, for clients that no rule means: entries to try, the nearest site, or all.

    The key is `r3` for the third rule, `near:SITES` where `otherwise` is nearest, else ''.
    """

    rules: tuple[GeoRule, ...]
    otherwise: tuple[Entry, ...] | Literal["nearest", "all"]

    kind: ClassVar[str] = "geo"
    role: ClassVar[Role] = Role.FILTER

    def slots(self) -> frozenset[str]:
        return _named(self._default()).union(*(_named(rule.entries) for rule in self.rules))

    def cidrs(self) -> tuple[Network, ...]:
        return tuple(dict.fromkeys(network for rule in self.rules for network in rule.match.cidrs))

    def classify(self, place: Place, cidr: Network | None, near: Mapping[str, int | None]) -> Key:
        meant = [index for index, rule in enumerate(self.rules) if rule.match.covers(place, cidr)]
        if meant:
            return f"r{max(meant, key=lambda index: (self.rules[index].match.specificity(cidr), -index)) + 1}"
        order = _NEAREST.classify(place, cidr, near) if self.otherwise == "nearest" else ""
        return _NEAR + order if order else ""

    def apply(self, row: Row, key: Key, bench: Bench) -> Step:
        rule = self._rule(key)
        if rule is None and self.otherwise == "nearest":
            step = _NEAREST.apply(row, key.removeprefix(_NEAR), bench)
            return Step(row=step.row, reason=f"no rule, so nearest: {step.reason}")
        if rule is None and self.otherwise == "all":
            return Step(row=row, reason="no rule: all stay")
        for entry in rule.entries if rule is not None else self._default():
            shares = dict(entry)
            kept = tuple((slot, weight * shares[slot]) for slot, weight in row if shares.get(slot))
            if kept:
                return Step(row=kept, reason=f"{self._name(key)}: try {_show(entry)}")
        if rule is not None and rule.fence:
            return Step(row=(), reason=f"{self._name(key)}: nothing to try is available, and the fence holds")
        return Step(row=row, reason=f"{self._name(key)}: nothing to try is available, so all stay")

    def bound(self, reach: Reach, key: Key, sites: Mapping[str, str]) -> Reach:
        rule = self._rule(key)
        if rule is None and self.otherwise == "nearest":
            return _NEAREST.bound(reach, key.removeprefix(_NEAR), sites)
        if rule is None and self.otherwise == "all":
            return reach
        entries = rule.entries if rule is not None else self._default()
        left = frozenset() if rule is not None and rule.fence else reach.slots - _named(entries)
        alone = len(left) <= 1 and all(len(_named((entry,)) & reach.slots) <= 1 for entry in entries)
        return Reach(slots=left | (_named(entries) & reach.slots), single=reach.single or alone)

    def describe(self, key: Key) -> str:
        rule = self._rule(key)
        return f"rule {key[1:]} ({rule.match.describe()})" if rule else _NEAREST.describe(key.removeprefix(_NEAR))

    def dump(self) -> str:
        rules = [{"entries": rule.entries, "fence": rule.fence, "match": rule.match.dump()} for rule in self.rules]
        return parameters.dump({"rules": rules, "otherwise": self.otherwise})

    @classmethod
    def load(cls, text: str) -> Self:
        found = parameters.load(text)
        rules = (parameters.mapping(rule) for rule in parameters.items(found.get("rules")))
        return cls(
            rules=tuple(
                GeoRule(
                    match=Match.load(rule.get("match")),
                    entries=_load_entries(rule.get("entries")),
                    fence=parameters.flag(rule.get("fence")),
                )
                for rule in rules
            ),
            otherwise=_load_otherwise(found.get("otherwise")),
        )

    def _rule(self, key: Key) -> GeoRule | None:
        return self.rules[int(key[1:]) - 1] if key.startswith("r") else None

    def _default(self) -> tuple[Entry, ...]:
        return self.otherwise if isinstance(self.otherwise, tuple) else ()

    def _name(self, key: Key) -> str:
        return self.describe(key) or "no rule, so otherwise"


def _named(entries: tuple[Entry, ...]) -> frozenset[str]:
    """Slots with a share in any of the entries."""
    return frozenset(slot for entry in entries for slot, share in entry if share)


def _show(entry: Entry) -> str:
    return entry[0][0] if len(entry) == 1 else "{" + ", ".join(f"{slot}: {share}" for slot, share in entry) + "}"


def _load_entries(value: object) -> tuple[Entry, ...]:
    return tuple(parameters.shares(entry) for entry in parameters.items(value))


def _load_otherwise(value: object) -> tuple[Entry, ...] | Literal["nearest", "all"]:
    match value:
        case "nearest":
            return "nearest"
        case "all":
            return "all"
        case list():
            return _load_entries(value)
        case _:
            raise InvalidSnapshot(f"stage parameters: 'otherwise' is {str(value)[:80]}")
