"""Overrides: set, shown, spread, ended by time or by hand, refused with a reason."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from support.coordinators import CONFIG, UP, Running, coordinator, files

from gslb.api.v1 import admin_pb2 as pb
from gslb.api.v1 import facts_pb2
from gslb.core.directives import Action, Scope, ScopeKind
from gslb.core.errors import Conflict, StoreUnavailable
from gslb.store.embedded import EmbeddedStore

SITE, POOL, MEMBER = facts_pb2.SCOPE_KIND_SITE, facts_pb2.SCOPE_KIND_POOL, facts_pb2.SCOPE_KIND_MEMBER
DRAIN, DOWN, UP_ = (
    facts_pb2.OVERRIDE_ACTION_DRAIN,
    facts_pb2.OVERRIDE_ACTION_FORCE_DOWN,
    facts_pb2.OVERRIDE_ACTION_FORCE_UP,
)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with coordinator(tmp_path) as started:
        await started.applied()
        yield started


async def put(
    running: Running,
    kind: facts_pb2.ScopeKind.ValueType,
    name: str,
    action: facts_pb2.OverrideAction.ValueType = DRAIN,
    duration_s: int = 0,
) -> pb.SetOverrideResponse:
    scope = facts_pb2.Scope(kind=kind, name=name)
    request = pb.SetOverrideRequest(scope=scope, action=action, who="ann", why="work", duration_s=duration_s)
    return await running.admin.SetOverride(request)


async def clear(running: Running, kind: facts_pb2.ScopeKind.ValueType, name: str) -> pb.ClearOverrideResponse:
    scope = facts_pb2.Scope(kind=kind, name=name)
    return await running.admin.ClearOverride(pb.ClearOverrideRequest(scope=scope, who="ann", why="done"))


async def test_from_set_to_cleared(running: Running) -> None:
    async with running.dns_server("d") as dns:
        response = await put(running, MEMBER, "web-us/us1")
        assert (response.order.directive, list(response.warnings)) == (1, [])
        await dns.until(lambda: dns.directives.revision == 1)
        (override,) = dns.directives.overrides
        assert (override.scope, override.action) == (Scope(ScopeKind.MEMBER, "web-us/us1"), Action.DRAIN)
        assert (override.who, override.why, override.until_unix_s) == ("ann", "work", None)

        status = await running.status()
        (shown,) = status.overrides
        assert shown.scope.name == "web-us/us1"
        member = next(pool for pool in status.pools if pool.name == "web-us").members[0]
        assert (member.serving, member.override.why) == (False, "work")

        await put(running, MEMBER, "web-us/us1", UP_)
        await dns.until(lambda: dns.directives.revision == 2)
        assert [override.action for override in dns.directives.overrides] == [Action.FORCE_UP]

        assert (await clear(running, MEMBER, "web-us/us1")).order.directive == 3
        await dns.until(lambda: dns.directives.revision == 3)
        assert dns.directives.overrides == ()
    assert running.count("overrides_total", change="set") == 2
    assert running.count("overrides_total", change="cleared") == 1
    assert running.count("order", number="directive") == 3


async def test_overrides_stay_sorted_by_scope(running: Running) -> None:
    for kind, name in ((SITE, "us"), (MEMBER, "web-us/us1"), (POOL, "web-eu")):
        await put(running, kind, name)
    assert [override.scope.name for override in (await running.status()).overrides] == ["web-us/us1", "web-eu", "us"]


async def test_an_override_ends_by_the_clock(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running.dns_server("d") as dns:
        await put(running, SITE, "us", duration_s=600)
        await put(running, SITE, "eu", duration_s=7_200)
        await dns.until(lambda: len(dns.directives.overrides) == 2)
        monkeypatch.setenv("GSLB_WALL_OFFSET_S", "601")
        await dns.until(lambda: len(dns.directives.overrides) == 1)
        assert dns.directives.revision == 3
        assert dns.directives.overrides[0].scope.name == "eu"
    assert running.count("overrides_total", change="ended") == 1


async def test_what_a_drain_leaves_is_said(running: Running) -> None:
    async with running.agent("us/a1") as us, running.agent("eu/a1") as eu, running.dns_server("d") as dns:
        await us.report(UP, UP)
        await eu.report(UP)
        await dns.until(lambda: len(dns.facts.reports) == 2)
        response = await put(running, SITE, "us")
        assert list(response.warnings) == [
            "this leaves pool web-us without a serving member (A): www.gslb.test will use web-eu"
        ]
        response = await put(running, POOL, "web-eu", DOWN)
        assert list(response.warnings) == [
            "this leaves pool web-eu without a serving member (A): www.gslb.test will use nothing (NODATA)",
            "nothing that serves is left for service www.gslb.test: its `all_down` takes force",
        ]
        assert any("www.gslb.test: nothing that serves is left" in alarm for alarm in (await running.status()).alarms)


@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [
        (SITE, "uss", "no site 'uss' in the configuration: did you mean `us`?"),
        (POOL, "web-as", "no pool 'web-as' in the configuration: did you mean `web-us`?"),
        (MEMBER, "web-us/us3", "no member 'web-us/us3' in the configuration: did you mean `web-us/us2`?"),
        (MEMBER, "us1", "no member 'us1' in the configuration"),
    ],
)
async def test_an_unknown_scope_is_refused_with_the_nearest(
    running: Running, kind: facts_pb2.ScopeKind.ValueType, name: str, text: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await put(running, kind, name)
    assert error.value.code() is grpc.StatusCode.NOT_FOUND
    assert (error.value.details() or "").startswith(text)
    assert running.count("refused_total", method="SetOverride", code="NOT_FOUND") == 1
    assert (await running.status()).order.directive == 0


async def test_nonsense_is_refused(running: Running) -> None:
    for kind, name, action, duration_s in (
        (facts_pb2.SCOPE_KIND_UNSPECIFIED, "us", DRAIN, 0),
        (SITE, "", DRAIN, 0),
        (SITE, "us", facts_pb2.OVERRIDE_ACTION_UNSPECIFIED, 0),
        (SITE, "us", DRAIN, 2**40),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await put(running, kind, name, action, duration_s)
        assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_clearing_what_is_not_there_is_said(running: Running) -> None:
    await put(running, SITE, "eu")
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await clear(running, SITE, "us")
    assert error.value.code() is grpc.StatusCode.NOT_FOUND
    assert error.value.details() == "there is no override of site 'us'; in force: site eu"


async def test_before_any_configuration_nothing_can_be_overridden(tmp_path: Path) -> None:
    async with coordinator(tmp_path) as running:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await put(running, SITE, "us")
        assert error.value.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_without_the_store_nothing_changes_and_failover_goes_on(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(running, SITE, "eu", duration_s=600)

    async def unavailable(*_: object, **__: object) -> int:
        raise StoreUnavailable("the store is away")

    with monkeypatch.context() as patch:
        patch.setattr(EmbeddedStore, "commit", unavailable)
        patch.setenv("GSLB_WALL_OFFSET_S", "601")
        for call in (put(running, SITE, "us"), clear(running, SITE, "eu")):
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await call
            assert error.value.code() is grpc.StatusCode.UNAVAILABLE
            assert error.value.details() == "the store is away"
        async with running.agent("us/a1") as agent, running.dns_server("d") as dns:
            await agent.report(UP, UP)
            await dns.until(lambda: bool(dns.updates) and len(dns.beats) >= 2)
            assert [override.scope.name for override in dns.directives.overrides] == ["eu"]
    assert (await put(running, SITE, "us")).order.directive >= 2


async def test_an_override_of_what_has_left_the_configuration_is_an_alarm(running: Running) -> None:
    await put(running, MEMBER, "web-us/us1")
    assert not any("us1" in alarm for alarm in (await running.status()).alarms)
    await running.applied(files(CONFIG.replace("name: us1,", "name: us9,")))
    (alarm,) = (alarm for alarm in (await running.status()).alarms if "us1" in alarm)
    assert alarm.startswith("the drain of member web-us/us1 is of nothing in the configuration: clear it")
    assert (await clear(running, MEMBER, "web-us/us1")).order.directive == 2
    assert not any("us1" in alarm for alarm in (await running.status()).alarms)


async def test_a_lost_race_is_run_again(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    commit, lost = EmbeddedStore.commit, []

    async def losing(store: EmbeddedStore, **arguments: object) -> int:
        if len(lost) < 3:
            lost.append(1)
            raise Conflict("somebody else was first")
        return await commit(store, **arguments)

    monkeypatch.setattr(EmbeddedStore, "commit", losing)
    assert (await put(running, SITE, "us")).order.directive == 1
    assert len(lost) == 3
