"""What an operator who is bound to services may touch; the rights as the configuration gives them."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from support.attempts import forget
from support.certificates import Pki
from support.coordinators import CONFIG, DEADLINE_S, Running, coordinator, files

from gslb.api.v1 import admin_pb2, facts_pb2
from gslb.config import BundleSource, ConfigErrors, load
from gslb.core.identity.access import Grant, Role
from gslb.core.identity.names import Kind
from gslb.runtime import rpc

SITE, POOL, MEMBER = facts_pb2.SCOPE_KIND_SITE, facts_pb2.SCOPE_KIND_POOL, facts_pb2.SCOPE_KIND_MEMBER
WORLD = CONFIG.replace(
    "services:\n",
    """  - {name: mine-us, site: us, monitor: web, members: [{name: m1, address: 192.0.2.20}]}
  - {name: both-us, site: us, monitor: web, members: [{name: b1, address: 192.0.2.30}]}
  - {name: spare, site: eu, monitor: web, members: [{name: s1, address: 192.0.2.40}]}
  - {name: other-pool, site: witness, monitor: web, members: [{name: o1, address: 192.0.2.50}]}
services:
  - {name: mine.gslb.test, pools: [mine-us, both-us]}
  - {name: www.other.test, pools: [other-pool]}
""",
).replace("[web-us, web-eu]", "[web-us, web-eu, both-us]")
ACCESS = """
access:
  - {operator: olga, role: operator}
  - {operator: bob, role: operator, services: mine.gslb.test}
  - {operator: zoe, role: operator, zones: [other.test]}
  - {operator: anna, role: admin}
"""


def load_text(text: str) -> tuple[Grant, ...]:
    return load(BundleSource(files(text)), "gslb.yaml").access


def test_rights_as_configured() -> None:
    assert load_text(WORLD + ACCESS) == (
        Grant(operator="olga", role=Role.OPERATOR),
        Grant(operator="bob", role=Role.OPERATOR, services=("mine.gslb.test",)),
        Grant(operator="zoe", role=Role.OPERATOR, zones=("other.test",)),
        Grant(operator="anna", role=Role.ADMIN),
    )
    assert load_text(WORLD) == ()


@pytest.mark.parametrize(
    ("item", "says"),
    [
        ("{operator: bob, role: boss}", "`boss` is not known here"),
        ("{operator: bob}", "`role` is missing"),
        ("{operator: bob, role: operator, services: [mina.gslb.test]}", "did you mean `mine.gslb.test`"),
        ("{operator: bob, role: operator, zones: [mine.gslb.test]}", "none of the configured zones"),
        ("{operator: bob, role: admin, zones: [other.test]}", "only the role `operator` can be bound"),
        ("{operator: bob, role: viewer, services: [mine.gslb.test]}", "only the role `operator` can be bound"),
        ("{operator: admin, role: viewer}", "always an admin"),
        ("{operator: bob, role: viewer}, {operator: bob, role: admin}", "operator `bob` stands twice"),
    ],
)
def test_rights_that_make_no_sense(item: str, says: str) -> None:
    with pytest.raises(ConfigErrors) as error:
        load_text(f"{WORLD}\naccess: [{item}]\n")
    assert says in str(error.value)


async def drain(running: Running, kind: facts_pb2.ScopeKind.ValueType, name: str) -> None:
    scope = facts_pb2.Scope(kind=kind, name=name)
    request = admin_pb2.SetOverrideRequest(scope=scope, action=facts_pb2.OVERRIDE_ACTION_DRAIN)
    await running.admin.SetOverride(request, timeout=DEADLINE_S)


async def clear(running: Running, kind: facts_pb2.ScopeKind.ValueType, name: str) -> None:
    scope = facts_pb2.Scope(kind=kind, name=name)
    await running.admin.ClearOverride(admin_pb2.ClearOverrideRequest(scope=scope), timeout=DEADLINE_S)


REACH = [
    ("bob", POOL, "mine-us", ""),
    ("bob", MEMBER, "mine-us/m1", ""),
    ("bob", POOL, "both-us", "also serves www.gslb.test"),
    ("bob", MEMBER, "both-us/b1", "also serves www.gslb.test"),
    ("bob", POOL, "web-us", "also serves www.gslb.test"),
    ("bob", SITE, "us", "also serves www.gslb.test"),
    ("bob", POOL, "spare", "serves none of them"),
    ("zoe", SITE, "witness", ""),
    ("zoe", POOL, "mine-us", "also serves mine.gslb.test"),
    ("olga", SITE, "us", ""),
]


async def test_who_reaches_what(tmp_path: Path, subtests: pytest.Subtests) -> None:
    """Over TLS, and again after a restart, when the rights come from the store."""
    pki = Pki(tmp_path / "pki")
    ours, admin = pki.issue(Kind.COORDINATOR, "c1"), pki.issue(Kind.OPERATOR, "admin")
    operators = {name: pki.issue(Kind.OPERATOR, name) for name in ("olga", "bob", "zoe", "anna")}
    for start in ("fresh", "restarted"):
        async with coordinator(tmp_path, security=ours, operator=admin) as running:
            if start == "fresh":
                await running.applied(files(WORLD + ACCESS))
            for name, kind, what, why in REACH:
                async with rpc.channel(f"127.0.0.1:{running.bound.port}", operators[name]) as channel:
                    as_operator = Running(running.bound, channel, running.registry, running.task)
                    with subtests.test(f"{start}: {name} {what}"):
                        await check(as_operator, kind, what, why)
            async with rpc.channel(f"127.0.0.1:{running.bound.port}", operators["anna"]) as channel:
                as_admin = Running(running.bound, channel, running.registry, running.task)
                await as_admin.applied(files(f"{WORLD}{ACCESS}# {start}\n"))


async def check(running: Running, kind: facts_pb2.ScopeKind.ValueType, what: str, why: str) -> None:
    if not why:
        await drain(running, kind, what)
        await clear(running, kind, what)
        return
    before = running.count("denied_total", method="SetOverride", reason="reach")
    for attempt in (drain, clear):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await attempt(running, kind, what)
        assert error.value.code() is grpc.StatusCode.PERMISSION_DENIED
        assert why in error.value.details()
    assert running.count("denied_total", method="SetOverride", reason="reach") == before + 1
    assert not (await running.status()).overrides


async def test_who_is_bound_to_services_forgets_no_agent(tmp_path: Path) -> None:
    pki = Pki(tmp_path / "pki")
    ours, admin = pki.issue(Kind.COORDINATOR, "c1"), pki.issue(Kind.OPERATOR, "admin")
    async with coordinator(tmp_path, security=ours, operator=admin) as running:
        await running.applied(files(WORLD + ACCESS))
        async with rpc.channel(f"127.0.0.1:{running.bound.port}", pki.issue(Kind.OPERATOR, "bob")) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await forget(channel)
        assert error.value.code() is grpc.StatusCode.PERMISSION_DENIED
        assert running.count("denied_total", method="ForgetAgent", reason="reach") == 1


async def test_an_operator_may_not_apply(tmp_path: Path) -> None:
    pki = Pki(tmp_path / "pki")
    ours, admin = pki.issue(Kind.COORDINATOR, "c1"), pki.issue(Kind.OPERATOR, "admin")
    async with coordinator(tmp_path, security=ours, operator=admin) as running:
        await running.applied(files(WORLD + ACCESS))
        async with rpc.channel(f"127.0.0.1:{running.bound.port}", pki.issue(Kind.OPERATOR, "olga")) as channel:
            as_operator = Running(running.bound, channel, running.registry, running.task)
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await as_operator.apply(files(WORLD))
        assert error.value.code() is grpc.StatusCode.PERMISSION_DENIED
        assert running.count("denied_total", method="Apply", reason="role") == 1


async def test_admins_named_at_the_start_cannot_be_locked_out(tmp_path: Path) -> None:
    pki = Pki(tmp_path / "pki")
    ours, root = pki.issue(Kind.COORDINATOR, "c1"), pki.issue(Kind.OPERATOR, "root")
    async with coordinator(tmp_path, security=ours, operator=root, admins=frozenset({"root"})) as running:
        await running.applied(files(f"{WORLD}\naccess: [{{operator: root, role: viewer}}]\n"))
        await running.applied(files(WORLD))
