"""A backup of any store goes into any store, with all that configurations need."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from support.coordinators import CONFIG, DEADLINE_S, Running, coordinator, files
from support.etcd import members_of_module

from gslb.api.v1 import admin_pb2 as pb
from gslb.api.v1 import facts_pb2
from gslb.codec.facts import load_order
from gslb.coordinator.backup.checking import check
from gslb.coordinator.backup.restoring import NotRestored, Place, restore
from gslb.coordinator.storage import open_storage
from gslb.core.order import Order
from gslb.store.etcd.options import EtcdOptions

SECOND = CONFIG.replace('"one"', '"two"')
WITH_ZONE = CONFIG.replace(
    "zones:", "zones:\n  - {name: big.test, nameservers: [ns1.gslb.test], contact: o@b.test, file: big.zone}"
)
ZONE = b"www IN A 192.0.2.1\n" + b"; a comment\n" * 120_000
"""More than one piece of a blob, and more than one message."""


members = members_of_module(1)


@pytest.fixture
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str, str], Place]:
    def made(kind: str, name: str) -> Place:
        etcd: EtcdOptions | None = None
        if kind == "etcd":
            etcd = request.getfixturevalue("members").options(f"{tmp_path.name}/{name}")
        return Place(folder=tmp_path / name / "coordinator", etcd=etcd)

    return made


def started(place: Place) -> AbstractAsyncContextManager[Running]:
    return coordinator(place.folder.parent, etcd=place.etcd)


def drain(pool: str) -> pb.SetOverrideRequest:
    scope = facts_pb2.Scope(kind=facts_pb2.SCOPE_KIND_POOL, name=pool)
    return pb.SetOverrideRequest(scope=scope, action=facts_pb2.OVERRIDE_ACTION_DRAIN, who="ann", why="work")


async def save(running: Running, path: Path) -> None:
    with path.open("wb") as file:
        async for piece in running.admin.Backup(pb.BackupRequest(), timeout=DEADLINE_S):
            file.write(piece.content)


async def order(running: Running) -> Order:
    return load_order((await running.status()).order)


def never(*_: object) -> bool:
    raise AssertionError("the store is empty")


@pytest.mark.parametrize("target", ["embedded", "etcd"])
@pytest.mark.parametrize("source", ["embedded", "etcd"])
async def test_all_of_it_comes_back_above_what_was(
    make: Callable[[str, str], Place], tmp_path: Path, source: str, target: str
) -> None:
    here, there, backup = make(source, "here"), make(target, "there"), tmp_path / "backup"
    async with started(here) as running:
        await running.applied(files(WITH_ZONE, big_zone=ZONE), author="ann")
        await running.applied(files(SECOND), author="bob")
        await running.admin.SetOverride(drain("web-us"), timeout=DEADLINE_S)
        before = await order(running)
        await save(running, backup)
    done = await restore(backup, there, who="local/ann", now_unix_s=5, may_replace=never)
    assert (done.summary.configurations, done.summary.overrides, done.summary.inputs) == (2, 1, 2)
    async with started(there) as running, running.dns_server("d") as dns:
        after = await order(running)
        assert after.incarnation == done.incarnation > before.incarnation
        assert (after.config, after.directive) == (before.config, before.directive)
        await dns.until(lambda: dns.manifest_order.config == 2 and bool(dns.directives.overrides))
        config = await running.admin.GetConfig(pb.GetConfigRequest(revision=1), timeout=DEADLINE_S)
        assert (config.author, config.files[0].text) == ("ann", WITH_ZONE)
        (last,) = (await running.admin.GetAudit(pb.GetAuditRequest(limit=1), timeout=DEADLINE_S)).entries
        assert (last.action, last.who) == ("restore", "local/ann")
        assert (last.before.config, last.before.directive, load_order(last.after)) == (0, 0, after)
        rolled = await running.admin.Rollback(pb.RollbackRequest(revision=1, now=True), timeout=DEADLINE_S)
        assert rolled.applied.order.config == 3
        again = tmp_path / "again"
        await save(running, again)
    assert check(again).configurations == 3


@pytest.mark.parametrize("target", ["embedded", "etcd"])
async def test_what_is_there_is_replaced_only_by_leave(
    make: Callable[[str, str], Place], tmp_path: Path, target: str
) -> None:
    here, there, backup = make("embedded", "here"), make(target, "there"), tmp_path / "backup"
    async with started(here) as running:
        await running.applied(files(CONFIG))
        await save(running, backup)
    async with started(there) as running:
        for text in (SECOND, CONFIG, SECOND):
            await running.applied(files(text))
        await running.admin.SetOverride(drain("web-eu"), timeout=DEADLINE_S)
        before = await order(running)
    asked: list[int] = []
    with pytest.raises(NotRestored, match="--replace"):
        await restore(
            backup, there, who="local/ann", now_unix_s=5, may_replace=lambda _, keys: asked.append(keys) is not None
        )
    # three configurations, which are kept, which is in force and how it came there, the override; 5 of the audit trail
    assert asked == [12]
    async with started(there) as running:
        assert await order(running) == before
    await restore(backup, there, who="local/ann", now_unix_s=5, may_replace=lambda *_: True)
    async with started(there) as running:
        after = await order(running)
        assert (after.config, after.directive) == (1, 0)
        assert after > before
        listed = await running.admin.ListConfigs(pb.ListConfigsRequest(), timeout=DEADLINE_S)
        assert [config.revision for config in listed.configs] == [1]
        (last,) = (await running.admin.GetAudit(pb.GetAuditRequest(limit=1), timeout=DEADLINE_S)).entries
        assert (load_order(last.before), load_order(last.after)) == (before, after)


async def test_a_store_that_somebody_leads_is_left_alone(make: Callable[[str, str], Place], tmp_path: Path) -> None:
    there, backup = make("etcd", "there"), tmp_path / "backup"
    async with started(make("embedded", "here")) as running:
        await running.applied(files(CONFIG))
        await save(running, backup)
    used = open_storage(there.folder, there.etcd, new_incarnation=3)
    async with used as storage, storage.store.campaign("leader", "somebody"):
        with pytest.raises(NotRestored, match="stop all of them first"):
            await restore(backup, there, who="local/ann", now_unix_s=5, may_replace=never)
    assert (await restore(backup, there, who="local/ann", now_unix_s=5, may_replace=never)).summary.configurations == 1


async def test_what_a_killed_leader_left_in_an_embedded_store_holds_up_nothing(
    make: Callable[[str, str], Place], tmp_path: Path
) -> None:
    there, backup = make("embedded", "there"), tmp_path / "backup"
    async with started(make("embedded", "here")) as running:
        await running.applied(files(CONFIG))
        await save(running, backup)
    async with open_storage(there.folder, None, new_incarnation=3) as killed:
        await killed.store.commit(compares={}, puts={"election/leader": b"somebody"})
    assert (await restore(backup, there, who="local/ann", now_unix_s=5, may_replace=never)).summary.configurations == 1
