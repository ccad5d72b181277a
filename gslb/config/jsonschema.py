"""The schema as JSON Schema, for `gslb schema` and editors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from gslb.config.schema.file import File

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> Mapping[str, object]:
    """JSON Schema (draft 2020-12) of a configuration file."""
    schema = File.model_json_schema(schema_generator=_Generator)
    return {"$schema": _DIALECT, **schema, "title": "GSLB configuration"}


class _Generator(GenerateJsonSchema):
    """As users see it: an optional key is left out, not null, and a default is of the type that it is written in."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def field_title_should_be_set(self, schema: Any) -> bool:  # Any: as in the base class
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        result = super().default_schema(schema)
        default = result.get("default")
        if default is None:
            result.pop("default", None)
        elif isinstance(default, str) and "string" not in _types(result):
            result["default"] = _native(default, _types(result))
        return result


def _types(schema: JsonSchemaValue) -> list[str]:
    found = schema.get("type", [])
    return [found] if isinstance(found, str) else cast("list[str]", found)


def _native(default: str, types: list[str]) -> object:
    if "boolean" in types:
        return default == "true"
    if {"integer", "number"} & set(types) and default.isdigit():
        return int(default)
    return default
