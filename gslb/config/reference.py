"""The schema as Markdown: the reference part of `docs/configuration.md`, every key and default once.

`python -m gslb.config.reference docs/configuration.md` renews it in that file.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from gslb.config.jsonschema import described_schema

BEGIN = "<!-- reference: made from the schema, do not edit -->\n"
END = "<!-- reference: end -->\n"
_TOP = "A file"
_PLAIN = {"string": "text", "integer": "a number"}

Schema = Mapping[str, object]


def markdown() -> str:
    """A table for every mapping of the schema, from the outermost inwards."""
    schema = described_schema()
    blocks = _Blocks(cast("Mapping[str, Schema]", schema["$defs"]))
    blocks.find(schema, "")
    tables = [_table(_TOP, schema, blocks)]
    tables += [_table(f"`{path}`", blocks.definitions[name], blocks) for name, path in blocks.paths.items()]
    return "\n".join(tables)


def renew(text: str) -> str:
    """A document with its reference part replaced."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{markdown()}\n{END}{after}"


@dataclass(slots=True)
class _Blocks:
    """Where each mapping of the schema stands first, as a path such as `zones[].records[]`."""

    definitions: Mapping[str, Schema]
    paths: dict[str, str] = field(default_factory=dict)

    def find(self, schema: Schema, path: str) -> None:
        found = list(self._references(schema, path))
        for name, at in found:
            if name not in self.paths and self.definitions[name].get("properties"):
                self.paths[name] = at
                self.find(self.definitions[name], f"{at}.")

    def _references(self, schema: Schema, path: str) -> Iterator[tuple[str, str]]:
        properties = cast("Mapping[str, Schema]", schema.get("properties", {}))
        for key, value in properties.items():
            yield from self._within(value, f"{path}{key}")

    def _within(self, schema: Schema, path: str) -> Iterator[tuple[str, str]]:
        if "$ref" in schema:
            yield _name(schema), path
        for part in cast("list[Schema]", schema.get("anyOf", [])):
            yield from self._within(part, path)
        if isinstance(items := schema.get("items"), dict):
            yield from self._within(items, f"{path}[]")


def _table(title: str, schema: Schema, blocks: _Blocks) -> str:
    required = cast("list[str]", schema.get("required", []))
    lines = [f"### {title}\n", f"{schema['description']}\n", "| key | value | default | |", "|---|---|---|---|"]
    for key, value in cast("Mapping[str, Schema]", schema["properties"]).items():
        default = "required" if key in required else _default(value.get("default"))
        lines.append(f"| `{key}` | {_shape(value, blocks)} | {default} | {value['description']} |")
    return "\n".join(lines) + "\n"


def _default(value: object) -> str:
    if value in (None, [], {}):
        return ""
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _shape(schema: Schema, blocks: _Blocks) -> str:
    """What may be written, in words."""
    if "$ref" in schema:
        path = blocks.paths.get(_name(schema))
        return f"[mapping](#{re.sub(r'[^a-z0-9_-]', '', path)})" if path is not None else "no options"
    if choices := schema.get("anyOf"):
        parts = cast("list[Schema]", choices)
        shapes = ["a list of such" if part.get("items") in parts else _shape(part, blocks) for part in parts]
        return ", or ".join(dict.fromkeys(shapes))
    if "enum" in schema:
        return " or ".join(f"`{word}`" for word in cast("list[str]", schema["enum"]))
    if isinstance(items := schema.get("items"), dict):
        return f"list: {_shape(items, blocks)}"
    if isinstance(named := schema.get("patternProperties"), dict):
        return f"mapping of names to {_shape(next(iter(named.values())), blocks)}"
    if isinstance(values := schema.get("additionalProperties"), dict):
        return f"mapping of names to {_shape(values, blocks)}"
    return str(schema.get("title") or _PLAIN[str(schema["type"])])


def _name(reference: Schema) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


if __name__ == "__main__":
    document = Path(sys.argv[1])
    document.write_text(renew(document.read_text("utf-8")), "utf-8")
