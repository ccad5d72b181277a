"""The schema as JSON Schema, for `gslb schema` and editors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from gslb.config.schema.file import File

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> Mapping[str, object]:
    """JSON Schema (draft 2020-12) of a configuration file, as it is written."""
    schema = described_schema()
    definitions = cast("dict[str, JsonSchemaValue]", schema["$defs"])
    service = definitions.pop("Service")
    either = {
        "if": {"required": ["for_each"]},
        "then": {"$ref": "#/$defs/ServiceTemplate"},
        "else": {"$ref": "#/$defs/SingleService"},
    }
    added = {"Service": either, "SingleService": service, "ServiceTemplate": _template(service)}
    return {**schema, "$defs": {**definitions, **added}}


def described_schema() -> Mapping[str, object]:
    """The same with `for_each` as a key like any other: what the reference is made from."""
    schema = File.model_json_schema(schema_generator=_Generator)
    return {"$schema": _DIALECT, **schema, "title": "GSLB configuration"}


def _template(service: JsonSchemaValue) -> JsonSchemaValue:
    """Any text may hold a `{key}`, whatever it becomes, so only the service's own keys can be checked."""
    told = {key: {"description": value["description"]} for key, value in service["properties"].items()}
    return {**service, "properties": {**told, "for_each": service["properties"]["for_each"]}}


class _Generator(GenerateJsonSchema):
    """As users see it: an optional key is left out, not null, and a default is of the type that it is written in."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        """Not `oneOf`: a word is a list of one too, and which it is does not show in JSON Schema."""
        choices = super().tagged_union_schema(schema)
        return {"anyOf": choices["oneOf"]}

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
