"""etcd restored from a snapshot of its own under a running coordinator: nothing is written below what is in force."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from support.coordinators import CONFIG, coordinator, files
from support.etcd import Cluster, cluster

from gslb.api.v1 import admin_pb2 as pb
from gslb.api.v1 import facts_pb2


@pytest.fixture
def member(tmp_path: Path) -> Iterator[Cluster]:
    with cluster(tmp_path, 1) as running:
        yield running


def drain(name: str) -> pb.SetOverrideRequest:
    scope = facts_pb2.Scope(kind=facts_pb2.SCOPE_KIND_MEMBER, name=name)
    return pb.SetOverrideRequest(scope=scope, action=facts_pb2.OVERRIDE_ACTION_DRAIN, who="ann", why="work")


def take_back(member: Cluster, data: Path, snapshot: Path) -> None:
    member.members[0].kill()
    shutil.rmtree(data)
    member.etcdctl("snapshot", "restore", str(snapshot), "--data-dir", str(data))
    member.members[0].start()
    member.wait_until_healthy()


async def test_what_would_stand_below_what_is_in_force_is_not_written(member: Cluster, tmp_path: Path) -> None:
    snapshot = tmp_path / "snapshot"
    async with coordinator(tmp_path / "a", etcd=member.options("x")) as running:
        await running.applied(files())
        await asyncio.to_thread(member.etcdctl, "snapshot", "save", str(snapshot))
        await running.applied(files(CONFIG + "defaults: {ttl: 30s}\n"))
        await running.admin.SetOverride(drain("web-us/us1"))
        before = (await running.status()).order
        await asyncio.to_thread(take_back, member, tmp_path / "m0" / "data", snapshot)
        with pytest.raises(grpc.aio.AioRpcError, match="directives none, but 1 is in force: it was taken back") as one:
            await running.admin.SetOverride(drain("web-us/us2"))
        with pytest.raises(
            grpc.aio.AioRpcError, match="configuration 1, but 2 is in force: it was taken back"
        ) as other:
            await running.apply(files(CONFIG + "defaults: {ttl: 40s}\n"))
        assert {one.value.code(), other.value.code()} == {grpc.StatusCode.UNAVAILABLE}
        status = await running.status()
        assert (status.order, len(status.overrides)) == (before, 1)
        assert not member.etcdctl("get", "x/keys/directives")
