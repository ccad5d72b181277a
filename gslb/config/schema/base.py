"""The base of every mapping in the schema, and the annotations that turn text into values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import EllipsisType
from typing import Any, ClassVar, cast

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from gslb.config.nodes import Plain
from gslb.config.problems import did_you_mean

LATER = "is not built yet: remove it, or use a later version"
SHAPE = "shape"
"""The error type for a value of the wrong kind; its context says what is wanted."""


class Block(BaseModel):
    """A mapping. `later`: keys that the design has and this version does not; `noun`: what its keys are called."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, populate_by_name=False)

    later: ClassVar[frozenset[str]] = frozenset()
    noun: ClassVar[str] = "key"


def key(
    description: str, default: Plain | EllipsisType | None = ..., *, alias: str | None = None
) -> Any:  # Any: as pydantic's own Field, which stands for a value of any type
    """A field. `default` is text, list or mapping as users write it, and validated as if they had."""
    return Field(default, description=description, alias=alias)


def keys(block: type[Block]) -> frozenset[str]:
    """Keys of a block as users write them."""
    return frozenset(field.alias or name for name, field in block.model_fields.items())


@dataclass(frozen=True, eq=False)
class Text:
    """An annotation: a scalar whose text `parse` turns into the value, raising ValueError with a sentence.

    `wanted`: what to write, for errors and the reference. `json`: its JSON Schema.
    """

    wanted: str
    parse: Callable[[str], object]
    json: Mapping[str, object]

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._validate)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"title": self.wanted, **self.json}

    def _validate(self, value: object) -> object:
        if not isinstance(value, str):
            raise PydanticCustomError(SHAPE, "{wanted}", {"wanted": self.wanted})
        if not value:
            raise ValueError(f"it is empty: write {self.wanted}")
        return self.parse(value)


@dataclass(frozen=True, eq=False)
class Shorthand:
    """An annotation: another way to write a value; `expand` gives the full form, `json` the short form's schema."""

    expand: Callable[[object], object]
    json: Callable[[JsonSchemaValue], Iterable[Mapping[str, object]]]

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.expand, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        full = handler(schema)
        return {"anyOf": [*self.json(full), full]}


def _as_list(value: object) -> object:
    return value if isinstance(value, list) else [value]


ONE_OR_MANY = Shorthand(_as_list, lambda many: [cast("Mapping[str, object]", many.get("items", {}))])
"""A list of one may be written without the brackets."""


def words(*allowed: str, later: Iterable[str] = ()) -> Text:
    """One of a few words."""
    coming = frozenset(later)

    def parse(text: str) -> str:
        if text in coming:
            raise ValueError(f"`{text}` {LATER}")
        if text not in allowed:
            raise ValueError(f"`{text}` is not known here{did_you_mean(text, allowed)}")
        return text

    return Text(" or ".join(f"`{word}`" for word in allowed), parse, {"enum": list(allowed)})
