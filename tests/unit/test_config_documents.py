"""What users read: the examples load without a word, docs/configuration.md shows them and holds the whole reference."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from gslb.config import DiskSource, json_schema, load
from gslb.config import limits as bounds
from gslb.config.reference import BEGIN, END, renew

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "configuration.md"
EXAMPLES = ["small.yaml", "large/gslb.yaml"]


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_load_without_warnings(example: str) -> None:
    path = ROOT / "examples" / example
    assert load(DiskSource(path.parent), path.name).warnings == ()


@pytest.mark.parametrize("example", [*EXAMPLES, "large/services/shop.yaml"])
def test_the_document_shows_the_examples_as_they_are(example: str) -> None:
    text = (ROOT / "examples" / example).read_text("utf-8")
    assert f"```yaml\n{text}```" in DOCUMENT.read_text("utf-8")


def test_the_reference_is_fresh() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert text.count(BEGIN) == text.count(END) == 1
    if os.environ.get("GSLB_REWRITE"):
        DOCUMENT.write_text(renew(text), "utf-8")
    assert DOCUMENT.read_text("utf-8") == renew(text), "run with GSLB_REWRITE=1"


def test_the_document_states_the_limits() -> None:
    text = DOCUMENT.read_text("utf-8")
    for count in (bounds.MAX_FILES, bounds.MAX_SERVICES, bounds.MAX_RECORDS, bounds.MAX_RULES, bounds.MAX_NODES):
        assert f"{count:,}" in text
    assert f"{bounds.MAX_FILE_BYTES // 2**20} MiB" in text
    assert f"{bounds.MAX_TOTAL_BYTES // 2**20} MiB" in text


def test_the_json_schema_describes_every_key() -> None:
    schema = json_schema()
    text = json.dumps(schema)
    assert json.loads(text)["title"] == "GSLB configuration"
    assert '"null"' not in text
    definitions = dict(schema["$defs"])
    assert definitions.pop("Service")["if"] == {"required": ["for_each"]}
    for definition in (schema, *definitions.values()):
        assert definition["additionalProperties"] is False
        for key, value in definition["properties"].items():
            assert value.get("description"), key


def schema_errors(text: str) -> list[str]:
    """What a program that knows nothing but the JSON Schema has against a file."""
    return [error.message for error in Draft202012Validator(json_schema()).iter_errors(yaml.safe_load(text))]


@pytest.mark.parametrize("path", sorted((ROOT / "examples").rglob("*.yaml")), ids=lambda path: path.name)
def test_the_json_schema_accepts_the_examples(path: Path) -> None:
    Draft202012Validator.check_schema(json_schema())
    assert schema_errors(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        "zones: [{nmae: x}]",
        "views: [{name: inside}]",
        "services: [{name: w.g.example, pools: [a b]}]\nsites: [{name: a b}]",
        "services: [{name: w.g.example, pools: [a], ttl: 20}]",
        "services: [{for_each: {a: [b]}, name: '{a}.g.example', pools: ['{a}'], ttll: 20s}]",
        "policies: [{name: p, steering: [{geo: {rules: [], otherwise: {a: many}}}]}]",
    ],
)
def test_the_json_schema_refuses(text: str) -> None:
    assert schema_errors(text)


def test_defaults_in_the_json_schema_are_of_their_own_type() -> None:
    definitions = json_schema()["$defs"]
    assert isinstance(definitions, dict)
    monitor = definitions["Monitor"]["properties"]
    assert monitor["fall"]["default"] == 2
    assert monitor["verify"]["default"] is True
    assert monitor["interval"]["default"] == "2s"
    assert "default" not in monitor["port"]
