"""Steering chains: stages, geo rules, policies."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Discriminator, Tag

from gslb.config.schema.base import ONE_OR_MANY, Block, Shorthand, Text, key
from gslb.config.schema.types import (
    Asn,
    City,
    Continent,
    Country,
    Flag,
    ItemName,
    Network,
    PlainText,
    Subdivision,
    Weight,
)

Shares = dict[ItemName, Weight]


def _one_share(value: object) -> object:
    return {value: "1"} if isinstance(value, str) else value


TryEntry = Annotated[Shares, Shorthand(_one_share, lambda _: [{"type": "string", "title": "a slot"}])]
Tier = Annotated[tuple[ItemName, ...], ONE_OR_MANY]


class Match(Block):
    """Which clients a rule means. Kinds are ANDed, values within a kind ORed; nothing at all is the whole world."""

    continent: Annotated[tuple[Continent, ...], ONE_OR_MANY] = key("Codes: AF AN AS EU NA OC SA.", [])
    country: Annotated[tuple[Country, ...], ONE_OR_MANY] = key("ISO 3166-1 codes.", [])
    subdivision: Annotated[tuple[Subdivision, ...], ONE_OR_MANY] = key("ISO 3166-2 codes such as US-CA.", [])
    city: Annotated[tuple[City, ...], ONE_OR_MANY] = key("English names.", [])
    asn: Annotated[tuple[Asn, ...], ONE_OR_MANY] = key("AS numbers.", [])
    cidr: Annotated[tuple[Network, ...], ONE_OR_MANY] = key("Prefixes.", [])
    tag: dict[ItemName, Annotated[tuple[PlainText, ...], ONE_OR_MANY]] = key(
        "Tags of `geo.prefixes`; each tag name is a kind of its own.", {}
    )


class GeoRule(Block):
    """What the clients that `match` means are given."""

    match: Match = key("Which clients.")
    try_: Annotated[tuple[TryEntry, ...], ONE_OR_MANY] = key(
        "Slots, or maps of slots to shares, in order: the first with something available serves.", alias="try"
    )
    fence: Flag = key(
        "Nothing but `try` for these clients: else they are given what is left when all of it is down.", "false"
    )


def _otherwise_word(text: str) -> str:
    if text not in ("nearest", "all"):
        raise ValueError(f"`{text[:100]}` is not known here: write `nearest`, `all`, or a list of slots")
    return text


def _word_or_list(value: object) -> str:
    return "word" if isinstance(value, str) else "list"


Otherwise = Annotated[
    Annotated[str, Text("`nearest` or `all`", _otherwise_word, {"enum": ["nearest", "all"]}), Tag("word")]
    | Annotated[tuple[TryEntry, ...], ONE_OR_MANY, Tag("list")],
    Discriminator(_word_or_list),
]


class Geo(Block):
    """The most specific rule that means a client decides: prefix, tag, AS number, city, subdivision, country ..."""

    rules: tuple[GeoRule, ...] = key("Rules; their order does not matter.")
    otherwise: Otherwise = key("For all other clients: `nearest`, `all`, or slots to try in order.", "all")


class NoOptions(Block):
    """A stage without options."""


class Stage(Block):
    """One step of a steering chain: its name, or its name with options."""

    noun: ClassVar[str] = "stage"
    later: ClassVar[frozenset[str]] = frozenset(
        {
            "latency",
            "least_connections",
            "weighted_least_connections",
            "least_response_time",
            "least_bandwidth",
            "load_score",
            "split",
            "capacity",
        }
    )

    geo: Geo | None = key("Filter: rules by where the client is.", None)
    nearest: NoOptions | None = key("Filter: the nearest site that serves, by great circle.", None)
    priority: tuple[Tier, ...] | None = key(
        "Filter: tiers of slots; the first that serves. A name is a tier of one.", None
    )
    weighted: Shares | None = key("Sharing: by weights of slots, 1 where none is given. The default.", None)
    round_robin: NoOptions | None = key("Sharing: equal, drawn anew for each query.", None)
    hash: NoOptions | None = key("Sharing: equal, by the client's prefix.", None)


def _no_options(value: object) -> object:
    return {value: {}} if isinstance(value, str) else value


StageOrName = Annotated[
    Stage,
    Shorthand(
        _no_options, lambda _: [{"enum": ["nearest", "weighted", "round_robin", "hash"], "title": "a stage's name"}]
    ),
]
Steering = tuple[StageOrName, ...]


class Policy(Block):
    """A steering chain that services share: filters in order, then one sharing stage."""

    name: ItemName = key("Name, unique among policies.")
    steering: Annotated[Steering, ONE_OR_MANY] = key("The chain.")
