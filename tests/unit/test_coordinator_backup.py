"""Backups that cannot be right are refused before anything is written; what is lacking is said."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import grpc
import pytest
from click.testing import CliRunner, Result
from structlog.testing import capture_logs
from support.coordinators import CONFIG, DEADLINE_S, Running, coordinator, files, places

from gslb.api.v1 import admin_pb2 as pb
from gslb.cli.main import main
from gslb.codec.backup import Head, InvalidBackup, Writer
from gslb.coordinator.audit.journal import newest
from gslb.coordinator.backup.checking import check
from gslb.coordinator.backup.restoring import Place, restore
from gslb.coordinator.configuration.history import CURRENT, Record, StoredFile, dump_record, record_key
from gslb.coordinator.storage import open_storage
from gslb.core.errors import StoreUnavailable
from gslb.core.order import Order
from gslb.store.embedded import EmbeddedStore

SECOND = CONFIG.replace('"one"', '"two"')
HEAD = Head(incarnation=7, revision=12, created_unix_s=1_800_000_000, program="1")
RECORD = Record(
    revision=1,
    author="ann",
    message="",
    applied_unix_s=1,
    program="1",
    seed=1,
    serials=(),
    manifest=b"",
    files=(StoredFile(path="gslb.yaml", sha256=bytes(32), size_bytes=4, text="text"),),
)
BLOB = b"large"
DIGEST = sha256(BLOB).digest()
WITH_BLOB = replace(RECORD, files=(StoredFile(path="geo", sha256=DIGEST, size_bytes=5, text=None),))


def kept(*records: Record, in_force: int = 1, **more: bytes) -> dict[str, bytes]:
    return {
        CURRENT: str(in_force).encode(),
        **{record_key(record.revision): dump_record(record) for record in records},
        **more,
    }


def write(path: Path, keys: Mapping[str, bytes], *blobs: bytes, missing: tuple[bytes, ...] = ()) -> Path:
    writer = Writer()
    parts = [writer.head(HEAD)]
    for key, value in keys.items():
        parts += writer.entry(key, value)
    for blob in blobs:
        parts += [writer.blob(sha256(blob).digest(), len(blob)), writer.piece(blob)]
    path.write_bytes(b"".join((*parts, *map(writer.missing, missing), writer.end())))
    return path


def test_what_a_backup_holds_is_summed_up(tmp_path: Path) -> None:
    records = (WITH_BLOB, replace(RECORD, revision=2))
    summary = check(write(tmp_path / "b", kept(*records, in_force=2), BLOB))
    assert (summary.configurations, summary.overrides, summary.inputs, summary.missing) == (2, 0, 1, ())
    assert summary.in_force == records[1]
    assert summary.head == HEAD


def test_an_earlier_configuration_may_lack_an_input(tmp_path: Path) -> None:
    records = (WITH_BLOB, replace(RECORD, revision=2))
    assert check(write(tmp_path / "b", kept(*records, in_force=2), missing=(DIGEST,))).missing == (1,)


@pytest.mark.parametrize(
    ("keys", "blobs", "missing", "text"),
    [
        (kept(), (), (), "lacks configuration 1, which was in force"),
        (kept(WITH_BLOB), (), (), f"lacks the input {DIGEST.hex()} of configuration 1"),
        (kept(WITH_BLOB), (), (DIGEST,), f"lacks the input {DIGEST.hex()} of configuration 1"),
        ({CURRENT: b"one"}, (), (), "does not say which configuration is in force"),
        ({record_key(1): b"{}"}, (), (), "a configuration in the store cannot be read"),
        ({record_key(2): dump_record(RECORD)}, (), (), "configuration 1 in the place of another one"),
        ({"config/kept": b"7"}, (), (), "the list of configurations"),
        ({"directives": b"\xff"}, (), (), "the directives in the store cannot be read"),
        ({"b": b"", "a": b""}, (), (), "the key 'a' where none belongs"),
        ({"election/leader": b""}, (), (), "the key 'election/leader' where none belongs"),
        ({"blobs/manifests/00": b"1"}, (), (), "where none belongs"),
        ({"k" * 600: b""}, (), (), "too long for the store"),
        ({"k": bytes(1_500_000)}, (), (), "too many for one commit"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    tmp_path: Path, keys: dict[str, bytes], blobs: tuple[bytes, ...], missing: tuple[bytes, ...], text: str
) -> None:
    with pytest.raises(InvalidBackup, match=text):
        check(write(tmp_path / "b", keys, *blobs, missing=missing))


async def test_a_damaged_backup_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    place = Place(folder=tmp_path / "coordinator", etcd=None)
    async with open_storage(place.folder, None, new_incarnation=3) as storage:
        await storage.store.commit(compares={}, puts={"a": b"1"})
    damaged = write(tmp_path / "b", kept(RECORD))
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with pytest.raises(InvalidBackup):
        await restore(damaged, place, who="local/ann", now_unix_s=5, may_replace=lambda *_: True)
    async with open_storage(place.folder, None, new_incarnation=9) as storage:
        assert storage.store.incarnation == 3
        assert [entry.key for entry in (await storage.store.list("")).entries] == ["a"]


def killed_after(commits: int) -> Callable[..., Awaitable[int]]:
    """A store's commit that works so many times."""
    commit, left = EmbeddedStore.commit, iter(range(commits))

    async def commit_or_die(store: EmbeddedStore, **change: object) -> int:
        if next(left, None) is None:
            raise StoreUnavailable("killed")
        return await commit(store, **change)

    return commit_or_die


@pytest.mark.parametrize("commits", range(4))
async def test_a_restore_that_is_killed_leaves_nothing_in_force_and_can_be_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, commits: int
) -> None:
    folder, keys = tmp_path / "coordinator", kept(RECORD, directives=b"")
    path = write(tmp_path / "b", keys)
    async with open_storage(folder, None, new_incarnation=3) as storage:
        await storage.store.commit(compares={}, puts={CURRENT: b"9", "old": b""})
    with monkeypatch.context() as patch:
        patch.setattr(EmbeddedStore, "commit", killed_after(commits))
        with pytest.raises(StoreUnavailable, match="killed"):
            await restore(
                path, Place(folder=folder, etcd=None), who="local/ann", now_unix_s=5, may_replace=lambda *_: True
            )
    async with open_storage(folder, None, new_incarnation=9) as storage:
        current = await storage.store.get(CURRENT)
        assert (current is None) == (commits > 0)
        assert storage.store.incarnation == HEAD.incarnation + 1
    done = await restore(
        path, Place(folder=folder, etcd=None), who="local/ann", now_unix_s=5, may_replace=lambda *_: True
    )
    async with open_storage(folder, None, new_incarnation=9) as storage:
        assert storage.store.incarnation == done.incarnation
        found = {entry.key: entry.value for entry in (await storage.store.list("")).entries}
        assert {key: value for key, value in found.items() if not key.startswith("audit/")} == keys
        ((one,),) = [await newest(storage.store, 10)]
        assert (one.entry.who, one.entry.action, one.entry.what) == ("local/ann", "restore", "b")
        assert one.entry.after == Order(done.incarnation, 1, 0)


async def test_a_store_that_cannot_be_read_is_restored_all_the_same(tmp_path: Path) -> None:
    place = Place(folder=tmp_path / "coordinator", etcd=None)
    async with open_storage(place.folder, None, new_incarnation=3) as storage:
        await storage.store.commit(compares={}, puts={CURRENT: b"?", "directives": b"\xff"})
    path = write(tmp_path / "b", kept(RECORD))
    done = await restore(path, place, who="local/ann", now_unix_s=5, may_replace=lambda *_: True)
    async with open_storage(place.folder, None, new_incarnation=9) as storage:
        ((one,),) = [await newest(storage.store, 10)]
        assert (one.entry.before, one.entry.after) == (Order(3, 0, 0), Order(done.incarnation, 1, 0))


async def test_the_incarnation_is_above_all_that_were(tmp_path: Path) -> None:
    path = write(tmp_path / "backup", kept(RECORD))
    for folder, there, now, expected in (("a", 3, 50, 50), ("b", 90, 50, 91), ("c", 3, 4, HEAD.incarnation + 1)):
        async with open_storage(tmp_path / folder, None, new_incarnation=there):
            pass
        place = Place(folder=tmp_path / folder, etcd=None)
        done = await restore(path, place, who="local/ann", now_unix_s=now, may_replace=lambda *_: False)
        assert done.incarnation == expected


async def gslb(*arguments: str) -> Result:
    with capture_logs():
        return await asyncio.to_thread(CliRunner().invoke, main, arguments)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def backup(running: Running, file: Path) -> Result:
    return await gslb("backup", str(file), "--admin", f"127.0.0.1:{running.bound.port}")


async def test_a_backup_is_for_its_owner_and_replaces_nothing(tmp_path: Path) -> None:
    file = tmp_path / "aya.backup"
    async with coordinator(tmp_path / "data") as running:
        await running.applied(files(CONFIG))
        result = await backup(running, file)
        assert result.exit_code == 0, result.output
        assert "configuration 1 in force, 1 configuration, 0 overrides, 1 large input" in result.output
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        content = file.read_bytes()
        result = await backup(running, file)
    assert result.exit_code == 2
    assert "exists already" in result.output
    assert file.read_bytes() == content
    assert names(tmp_path) == ["aya.backup", "data"]


async def test_what_is_not_whole_gets_no_name(tmp_path: Path) -> None:
    result = await gslb("backup", str(tmp_path / "b"), "--admin", "127.0.0.1:1")
    assert result.exit_code == 1
    assert names(tmp_path) == []


async def test_inputs_that_are_gone_are_told_unless_they_are_in_force(tmp_path: Path) -> None:
    inputs = tmp_path / "data" / "coordinator" / "inputs"
    async with coordinator(tmp_path / "data") as running:
        await running.applied({**files(CONFIG), "places.mmdb": places() + b"\0"})
        await running.applied(files(SECOND))
        (inputs / sha256(places() + b"\0").hexdigest()).unlink()
        result = await backup(running, tmp_path / "first")
        assert result.exit_code == 0, result.output
        assert "1 cannot be rolled back to, an input was gone already" in result.output
        (inputs / sha256(places()).hexdigest()).write_bytes(b"damaged")
        result = await backup(running, tmp_path / "second")
    assert result.exit_code == 1
    assert "the configuration in force cannot be backed up" in result.output
    assert not (tmp_path / "second").exists()


async def test_one_backup_at_a_time(tmp_path: Path) -> None:
    async with coordinator(tmp_path) as running:
        await running.applied(files(CONFIG + "#" * 900_000))
        first = running.admin.Backup(pb.BackupRequest(), timeout=DEADLINE_S)
        await first.read()
        with pytest.raises(grpc.aio.AioRpcError, match="a backup is being taken"):
            async for _ in running.admin.Backup(pb.BackupRequest(), timeout=DEADLINE_S):
                pass
        assert running.count("refused_total", method="Backup", code="RESOURCE_EXHAUSTED") == 1
        first.cancel()


async def test_restore_as_typed(tmp_path: Path) -> None:
    file, data = tmp_path / "b", str(tmp_path / "there")
    async with coordinator(tmp_path / "here") as running:
        await running.applied(files(CONFIG))
        assert (await backup(running, file)).exit_code == 0
        result = await gslb("restore", str(file), "--data", str(tmp_path / "here"))
        assert (result.exit_code, "another process has it open" in result.output) == (1, True)
    result = await gslb("restore", str(file), "--data", data)
    assert result.exit_code == 0, result.output
    assert "restored as incarnation" in result.output
    result = await gslb("restore", str(file), "--data", data)
    assert (result.exit_code, "the store is not empty: --replace" in result.output) == (1, True)
    result = await gslb("restore", str(file), "--data", data, "--replace", "--yes")
    assert result.exit_code == 0, result.output
    result = await gslb("restore", str(tmp_path / "here" / "coordinator" / "store.db"), "--data", data)
    assert (result.exit_code, "this is not a backup" in result.output) == (1, True)
