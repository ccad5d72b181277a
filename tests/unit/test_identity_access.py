"""Who may call what: the table is complete, and what it does not say is refused."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

import pytest
from grpc_health.v1 import health_pb2 as grpc_health
from grpc_reflection.v1alpha import reflection_pb2

import gslb.api.v1
from gslb.core.identity.access import ALWAYS_ADMIN, AUDITED, RULES, Access, Grant, Role
from gslb.core.identity.names import Identity, Kind

OURS = [import_module(found.name) for found in iter_modules(gslb.api.v1.__path__, "gslb.api.v1.")]
FILES = [*(module for module in OURS if module.__name__.endswith("_pb2")), grpc_health, reflection_pb2]
PATHS = {
    f"/{service.full_name}/{method.name}"
    for file in FILES
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
ADMIN = "/gslb.api.v1.Admin/"
LOOK, OPERATE, CHANGE = f"{ADMIN}GetStatus", f"{ADMIN}SetOverride", f"{ADMIN}Apply"
EXCHANGE, SUBSCRIBE = "/gslb.api.v1.Health/Exchange", "/gslb.api.v1.Discovery/Subscribe"
CHECK = "/grpc.health.v1.Health/Check"
ACCESS = Access(
    (Grant(operator="olga", role=Role.OPERATOR), Grant(operator="anna", role=Role.ADMIN)), frozenset({"root"})
)


def test_every_call_is_in_the_table() -> None:
    assert len(PATHS) > 10
    assert RULES.keys() >= PATHS


def test_whatever_changes_something_is_audited() -> None:
    assert {f"{ADMIN}Apply", f"{ADMIN}SetOverride", f"{ADMIN}ClearOverride"} <= AUDITED
    assert LOOK not in AUDITED


def who(kind: Kind, name: str) -> Identity:
    return Identity(domain="aya.test", kind=kind, name=name)


@pytest.mark.parametrize(
    ("kind", "name", "may"),
    [
        (Kind.COORDINATOR, "c1", {CHECK}),
        (Kind.AGENT, "eu/a1", {EXCHANGE, CHECK}),
        (Kind.DNS, "ns1", {SUBSCRIBE, CHECK}),
        (Kind.OPERATOR, "nobody", {LOOK, CHECK}),
        (Kind.OPERATOR, "olga", {LOOK, OPERATE, CHECK}),
        (Kind.OPERATOR, "anna", {LOOK, OPERATE, CHANGE, CHECK}),
        (Kind.OPERATOR, "root", {LOOK, OPERATE, CHANGE, CHECK}),
        (Kind.OPERATOR, ALWAYS_ADMIN, {LOOK, OPERATE, CHANGE, CHECK}),
        (Kind.AGENT, f"eu/{ALWAYS_ADMIN}", {EXCHANGE, CHECK}),
    ],
)
def test_who_may(kind: Kind, name: str, may: set[str]) -> None:
    calls = {LOOK, OPERATE, CHANGE, EXCHANGE, SUBSCRIBE, CHECK}
    assert {call for call in calls if ACCESS.refusal(call, who(kind, name)) is None} == may


@pytest.mark.parametrize("kind", list(Kind))
def test_what_is_not_in_the_table_is_nobodys(kind: Kind) -> None:
    denied = ACCESS.refusal("/gslb.api.v1.Admin/DropEverything", who(kind, ALWAYS_ADMIN))
    assert denied is not None
    assert denied.reason == "unknown_method"


def test_the_admin_cannot_be_taken_away() -> None:
    access = Access((Grant(operator=ALWAYS_ADMIN, role=Role.VIEWER),))
    assert access.refusal(CHANGE, who(Kind.OPERATOR, ALWAYS_ADMIN)) is None


def test_refusals_say_what_to_do() -> None:
    by_role = Access().refusal(OPERATE, who(Kind.OPERATOR, "olga"))
    by_kind = Access().refusal(EXCHANGE, who(Kind.DNS, "ns1"))
    assert by_role is not None
    assert by_kind is not None
    assert "`access`" in by_role.text
    assert "kind agent" in by_kind.text
