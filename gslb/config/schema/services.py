"""Services: the names that are steered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic.json_schema import JsonSchemaValue

from gslb.config.schema.base import ONE_OR_MANY, Block, Shorthand, key
from gslb.config.schema.steering import Steering
from gslb.config.schema.types import Address, Answers, By, Domain, ItemName, PlainText, Seconds
from gslb.core.model import AllDownKind


class Binding(Block):
    """A slot and the pool that fills it."""

    slot: ItemName
    pool: ItemName


def _as_pairs(value: object) -> object:
    """A list binds each pool to a slot of its own name, a mapping names the slots."""
    if isinstance(value, Mapping):
        return [{"slot": slot, "pool": pool} for slot, pool in value.items()]
    if isinstance(value, list):
        return [{"slot": pool, "pool": pool} for pool in value]
    return value


class _BindingsShape(Shorthand):
    """Users never write the pairs."""

    def __get_pydantic_json_schema__(self, schema: object, handler: object) -> JsonSchemaValue:
        name = {"type": "string", "title": "a pool's name"}
        return {"anyOf": [{"type": "array", "items": name}, {"type": "object", "additionalProperties": name}]}


class AllDown(Block):
    """What a service answers when nothing eligible serves in any family: a word, a pool, or addresses."""

    word: ClassVar[AllDownKind | None] = None

    pool: ItemName | None = key("Every member of this pool.", None)
    addresses: Annotated[tuple[Address, ...], ONE_OR_MANY] = key("These addresses.", [])


class ServeAll(AllDown):
    word = AllDownKind.SERVE_ALL


class Nodata(AllDown):
    word = AllDownKind.NODATA


class Servfail(AllDown):
    word = AllDownKind.SERVFAIL


_WORDS = {"serve_all": ServeAll(), "nodata": Nodata(), "servfail": Servfail()}


def _from_word(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value not in _WORDS:
        raise ValueError(
            f"`{value[:100]}` is not known here: write {', '.join(_WORDS)}, {{pool: NAME}} or {{addresses: [...]}}"
        )
    return _WORDS[value]


AllDownOrWord = Annotated[AllDown, Shorthand(_from_word, lambda _: [{"enum": list(_WORDS), "title": "a word"}])]


class Service(Block):
    """A steered name. Its pools bind to the slots of its `policy` or its own `steering`; with neither, by weight."""

    later: ClassVar[frozenset[str]] = frozenset({"answer"})

    for_each: dict[ItemName, Annotated[tuple[PlainText, ...], ONE_OR_MANY]] | None = key(
        "One service for each value (each combination, with several keys), which replaces `{key}` in every text.",
        None,
    )
    name: Domain = key("The owner name, in full, inside one of the zones.")
    pools: Annotated[tuple[Binding, ...], _BindingsShape(_as_pairs, lambda _: [])] = key(
        "A list binds each pool to a slot of its own name; a mapping names the slots."
    )
    policy: ItemName | None = key("A chain from `policies`.", None)
    steering: Annotated[Steering, ONE_OR_MANY] | None = key("A chain of its own.", None)
    monitor: ItemName | None = key("Probes the members for this service instead of the pools' own monitors.", None)
    ttl: Seconds | None = key("How long resolvers may cache an answer: `defaults.ttl` if absent.", None)
    answers: Answers | None = key("How many members an answer carries: `defaults.answers` if absent.", None)
    by: By = key("Who gets which: by the client's `prefix`, the same each time, or drawn per `query`.", "prefix")
    all_down: AllDownOrWord | None = key(
        "What to answer when nothing serves: `serve_all`, `nodata`, `servfail`, `{pool: NAME}` or "
        "`{addresses: [...]}`; `defaults.all_down` if absent.",
        None,
    )
