"""What a coordinator finds again after its end, and how it ends."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import grpc
import pytest
from support.coordinators import CONFIG, DEADLINE_S, UP, coordinator, files, places, to_the_end

from gslb.api.v1 import admin_pb2 as pb
from gslb.api.v1 import facts_pb2
from gslb.api.v1.snapshot_pb2 import Manifest
from gslb.coordinator.configuration.history import dump_record, load_record
from gslb.coordinator.server import CannotListen
from gslb.core.errors import StoreUnavailable
from gslb.runtime.addresses import SocketAddress


def drain(kind: facts_pb2.ScopeKind.ValueType, name: str) -> pb.SetOverrideRequest:
    scope = facts_pb2.Scope(kind=kind, name=name)
    return pb.SetOverrideRequest(scope=scope, action=facts_pb2.OVERRIDE_ACTION_DRAIN, who="ann", why="work")


async def test_what_was_in_force_is_published_at_once(tmp_path: Path) -> None:
    async with coordinator(tmp_path) as running, running.dns_server("d") as dns:
        await running.applied()
        await running.applied(files(CONFIG.replace('"one"', '"two"')))
        await running.admin.SetOverride(drain(facts_pb2.SCOPE_KIND_POOL, "web-us"))
        await dns.until(lambda: dns.manifest_order.config == 2 and bool(dns.directives.overrides))
        before, manifest, directives = (await running.status()).order, dns.manifest, dns.directives
    async with coordinator(tmp_path) as running, running.dns_server("d") as dns, running.agent("us/a1") as agent:
        await dns.fetch()
        assert dns.manifest == manifest
        assert dns.directives == directives
        assert (await running.status()).order == before
        assert len(agent.assignment.targets) == 2
        assert (await running.applied(files(CONFIG.replace('"one"', '"three"')), now=True)).order.config == 3


@pytest.fixture(params=["compiled gone", "a chunk damaged", "all chunks damaged"])
def loss(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    return request.param


async def test_what_was_compiled_can_be_made_again(tmp_path: Path, loss: str) -> None:
    async with coordinator(tmp_path) as running, running.dns_server("d") as dns:
        await running.applied()
        before = await dns.fetch()
        manifest = dns.manifest
    compiled = tmp_path / "coordinator" / "compiled"
    if loss == "compiled gone":
        shutil.rmtree(compiled)
    else:
        chunks = sorted(compiled.iterdir())
        for chunk in chunks[:1] if loss == "a chunk damaged" else chunks:
            chunk.write_bytes(b"damaged")
    async with coordinator(tmp_path) as running, running.dns_server("d") as dns:
        assert await dns.fetch() == before
        assert dns.manifest == manifest
    assert len(list(compiled.iterdir())) == len(dns.chunks)


async def test_what_is_made_again_has_the_layouts_of_configurations_before(tmp_path: Path) -> None:
    """Agents may still report by them, and every dns server serves the same under one number."""
    moved = [CONFIG.replace("192.0.2.11", f"192.0.2.{number}") for number in (11, 12, 13)]
    async with coordinator(tmp_path) as running, running.dns_server("d") as dns:
        for revision, text in enumerate(moved, start=1):
            await running.applied(files(text))
            await dns.until(lambda revision=revision: dns.manifest_order.config == revision)
        manifest = dns.manifest
        assert len((await dns.fetch()).layouts) == 3 + 2
    shutil.rmtree(tmp_path / "coordinator" / "compiled")
    async with coordinator(tmp_path) as running, running.dns_server("d") as dns:
        await dns.fetch()
        assert dns.manifest == manifest


async def test_what_compiles_otherwise_than_where_it_was_applied_is_not_published(tmp_path: Path) -> None:
    async with coordinator(tmp_path) as running:
        await running.applied()
    shutil.rmtree(tmp_path / "coordinator" / "compiled")
    applied_by_another_version(tmp_path / "coordinator" / "store.db")
    async with coordinator(tmp_path) as running, running.dns_server("d") as dns:
        (alarm,) = (await running.status()).alarms
        assert alarm.startswith("configuration 1 in the store cannot be used, apply another: version 0.0 applied it")
        assert dns.manifest == b""
        again = await running.applied(files(CONFIG), now=True)
        assert (again.order.config, again.unchanged) == (2, False)
        assert (await dns.fetch()).order.config == 2
        assert not any("cannot be used" in alarm for alarm in (await running.status()).alarms)


def applied_by_another_version(database: Path) -> None:
    """It made other chunks of configuration 1."""
    key = "config/revisions/000000000001"
    with closing(sqlite3.connect(database)) as connection, connection:
        ((value,),) = connection.execute("SELECT value FROM versions WHERE key = ?", (key,))
        record = load_record(value)
        manifest = Manifest.FromString(record.manifest)
        manifest.chunks[0].digest = bytes(32)
        other = replace(record, program="0.0", manifest=manifest.SerializeToString())
        connection.execute("UPDATE versions SET value = ? WHERE key = ?", (dump_record(other), key))


async def test_a_stored_configuration_that_cannot_be_used_raises_an_alarm_until_another_is_applied(
    tmp_path: Path,
) -> None:
    async with coordinator(tmp_path) as running:
        await running.applied()
    shutil.rmtree(tmp_path / "coordinator" / "compiled")
    (tmp_path / "coordinator" / "inputs" / sha256(places()).hexdigest()).write_bytes(b"damaged")
    async with coordinator(tmp_path) as running, running.dns_server("d") as dns:
        (alarm,) = (await running.status()).alarms
        assert alarm.startswith("configuration 1 in the store cannot be used, apply another: blob ")
        assert dns.manifest == b""
        applied = await running.applied(files(CONFIG + "\n"), now=True)
        assert applied.order.config == 2
        await dns.fetch()
        assert not any("cannot be used" in alarm for alarm in (await running.status()).alarms)


async def test_serials_go_on_where_they_were(tmp_path: Path) -> None:
    async with coordinator(tmp_path) as running, running.dns_server("d") as dns:
        await running.applied()
        first = dict((await dns.fetch()).serials)
    async with coordinator(tmp_path) as running, running.dns_server("d") as dns:
        await running.applied(files(CONFIG.replace('"one"', '"two"')), now=True)
        await dns.until(lambda: dns.manifest_order.config == 2)
        second = dict((await dns.fetch()).serials)
    raised = {str(apex): second[apex] - first[apex] for apex in first}
    assert raised == {"gslb.test": 1, "other.test": 0}


async def test_inputs_that_nothing_names_any_more_are_deleted_at_the_start(tmp_path: Path) -> None:
    async with coordinator(tmp_path) as running:
        await running.applied()
    stray = tmp_path / "coordinator" / "inputs" / sha256(b"stray").hexdigest()
    stray.write_bytes(b"stray")
    async with coordinator(tmp_path) as running:
        assert not stray.exists()
        assert (await running.applied(now=True)).unchanged


async def test_a_first_configuration_counts_only_where_there_is_none(tmp_path: Path) -> None:
    config = tmp_path / "gslb.yaml"
    config.write_text(CONFIG)
    (tmp_path / "places.mmdb").write_bytes(places())
    async with coordinator(tmp_path / "data", config=config) as running:
        assert (await running.status()).order.config == 1
    config.write_text(CONFIG.replace('"one"', '"two"'))
    async with coordinator(tmp_path / "data", config=config) as running:
        assert (await running.status()).order.config == 1
        stored = await running.admin.GetConfig(pb.GetConfigRequest())
        assert stored.files[0].text == CONFIG


async def test_it_ends_within_a_second_with_open_streams(tmp_path: Path) -> None:
    async with coordinator(tmp_path) as running:
        await running.applied()
        async with running.agent("us/a1") as agent, running.dns_server("d") as dns:
            await agent.report(UP, UP)
            await dns.until(lambda: bool(dns.updates))
            started = time.monotonic()
            running.task.cancel()
            await asyncio.wait([running.task], timeout=DEADLINE_S)
            assert running.task.cancelled()
            assert time.monotonic() - started < 1.5
            await dns.until(lambda: dns.over)
            with pytest.raises((grpc.aio.AioRpcError, asyncio.CancelledError)):
                await to_the_end(agent.call)


async def test_a_second_coordinator_on_the_same_data_is_refused(tmp_path: Path) -> None:
    async with coordinator(tmp_path):
        with pytest.raises(StoreUnavailable, match="another process has it open"):
            async with coordinator(tmp_path):
                pass


async def test_an_address_that_is_taken_is_said(tmp_path: Path) -> None:
    async with coordinator(tmp_path / "one") as running:
        with pytest.raises(CannotListen, match="it is taken"):
            async with coordinator(tmp_path / "two", listen=SocketAddress("127.0.0.1", running.bound.port)):
                pass


async def test_the_store_on_disk_is_readable_by_people(tmp_path: Path) -> None:
    async with coordinator(tmp_path) as running:
        await running.applied(author="ann")
    database = sqlite3.connect(tmp_path / "coordinator" / "store.db")
    rows = dict(database.execute("SELECT key, value FROM versions WHERE latest = 1"))
    database.close()
    assert rows["config/current"] == b"1"
    assert b'"author":"ann"' in rows["config/revisions/000000000001"]
