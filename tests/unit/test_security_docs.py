"""docs/security.md says of every call who may make it, as the table that decides does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gslb.core.identity.access import RULES, Access, Grant, Role
from gslb.core.identity.names import Identity, Kind

PAGE = Path(__file__).parents[2] / "docs" / "security.md"
CALLS = {
    "report what the site's endpoints look like": ("Health/Exchange",),
    "learn configuration": ("Discovery/Subscribe",),
    "learn what another coordinator's agents report": ("Peering/Listen",),
    "status": ("Admin/GetStatus",),
    "explain": ("Admin/Explain",),
    "get": ("Admin/GetConfig",),
    "history": ("Admin/ListConfigs",),
    "diff": ("Admin/DiffConfigs",),
    "rollout": ("Admin/GetRollout",),
    "drain": ("Admin/SetOverride",),
    "force-up": ("Admin/SetOverride",),
    "force-down": ("Admin/SetOverride",),
    "undrain": ("Admin/ClearOverride",),
    "clear": ("Admin/ClearOverride",),
    "failback": ("Admin/Failback",),
    "agent forget": ("Admin/ForgetAgent",),
    "apply": ("Admin/Apply",),
    "rollback": ("Admin/Rollback",),
    "rollout continue": ("Admin/EndRollout",),
    "rollout abort": ("Admin/EndRollout",),
    "backup": ("Admin/Backup",),
    "audit": ("Admin/GetAudit",),
    "ask whether the server is well (`grpc.health.v1`)": ("Health/Check", "Health/List", "Health/Watch"),
    "ask which calls there are (gRPC reflection)": ("ServerReflection/ServerReflectionInfo",),
}
"""What the page calls them; `as itself` and what is said besides are for people."""
ACCESS = Access(tuple(Grant(operator=role.value, role=role) for role in Role))


def caller(column: str) -> Identity:
    if column in {*Role}:
        return Identity(domain="aya.test", kind=Kind.OPERATOR, name=column)
    kind = Kind(column)
    return Identity(domain="aya.test", kind=kind, name="eu/a1" if kind is Kind.AGENT else "x")


def rows() -> list[list[str]]:
    section = PAGE.read_text().partition("\n## Who may do what\n")[2].partition("\n## ")[0]
    lines = re.findall(r"^\| ?(.*?) ?\|$", section, re.MULTILINE)
    return [[cell.strip() for cell in line.split("|")] for line in lines if not line.startswith("---")]


COLUMNS, *TABLE = rows()


def paths(row: list[str]) -> list[str]:
    """Of the calls that a row is about."""
    named = [word for word in row[0].split(", ") if word in CALLS]
    return [path for word in named for call in CALLS[word] for path in RULES if path.endswith(f".{call}")]


def test_every_call_stands_there_once() -> None:
    found = [set(paths(row)) for row in TABLE]
    assert set().union(*found) == RULES.keys()
    assert sum(map(len, found)) == len(RULES)
    assert {word for row in TABLE for word in row[0].split(", ")} >= CALLS.keys()


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row[0])
def test_who_may(row: list[str]) -> None:
    for column, cell in zip(COLUMNS[1:], row[1:], strict=True):
        may = {ACCESS.refusal(path, caller(column)) is None for path in paths(row)}
        assert may == {cell == "yes"}, column
