"""docs/operations.md says of every alarm what to do, and of none that does not exist."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from gslb.coordinator import follower, signing
from gslb.coordinator.admin import alarms, status
from gslb.coordinator.configuration import force, rollouts
from gslb.coordinator.peers import roster

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
TROUBLES = {
    follower: {"_unavailable"},
    force: {"_broken"},
    rollouts: {"undone", "_stuck"},
    roster: {"_namesake", "leaderless"},
    signing: {"spoilt"},
}
"""Modules with troubles that become alarms as they are, and what holds the sentences."""


def sentences() -> list[str]:
    """All alarms as patterns: what is filled in may be anything."""
    yields = (node.value for node in nodes(alarms, ast.Yield))
    held = (
        node.value.body if isinstance(node.value, ast.IfExp) else node.value
        for module, names in TROUBLES.items()
        for node in nodes(module, ast.Assign)
        if any(getattr(target, "attr", getattr(target, "id", None)) in names for target in node.targets)
    )
    added = (call.args[0] for call in nodes(status, ast.Call) if ast.unparse(call.func).endswith("alarms.append"))
    return [pattern(text) for text in (*yields, *held, *added) if isinstance(text, ast.JoinedStr)]


def nodes(module: ModuleType, kind: type[ast.AST]) -> Iterator[ast.AST]:
    return (node for node in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(node, kind))


def pattern(text: ast.JoinedStr) -> str:
    parts = (re.escape(part.value.replace("`", "")) if isinstance(part, ast.Constant) else ".*" for part in text.values)
    return "".join(parts)


def documented() -> list[str]:
    section = PAGE.read_text().partition("\n## Alarms\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `(.+?)` \| .{20,} \|$", section, re.MULTILINE)


def test_there_are_alarms_to_look_for() -> None:
    assert len(sentences()) >= 12


@pytest.mark.parametrize("sentence", sentences())
def test_every_alarm_is_documented(sentence: str) -> None:
    assert any(re.fullmatch(sentence, row) for row in documented()), f"docs/operations.md lacks {sentence}"


@pytest.mark.parametrize("row", documented())
def test_no_alarm_is_documented_that_does_not_exist(row: str) -> None:
    assert any(re.fullmatch(sentence, row) for sentence in sentences()), f"nothing raises {row}"
