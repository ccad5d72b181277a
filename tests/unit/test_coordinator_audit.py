"""The audit trail: a line with every change, in its transaction; refused ones too, but no flood; bounded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from click.testing import CliRunner
from prometheus_client import CollectorRegistry
from support.certificates import Pki
from support.coordinators import CONFIG, DEADLINE_S, Running, coordinator, files
from support.waiting import eventually, until

from gslb.api.v1 import admin_pb2 as pb
from gslb.api.v1 import facts_pb2
from gslb.cli import client
from gslb.cli.main import main
from gslb.codec.facts import dump_order
from gslb.coordinator.audit.entry import MAX_TEXT_CHARACTERS, Entry, Note
from gslb.coordinator.audit.journal import CHANGES, REMARKS, Journal, Trail, newest
from gslb.coordinator.audit.remarks import MAX_WAITING, Remarks
from gslb.coordinator.metrics import Metrics
from gslb.core.errors import Conflict, StoreUnavailable
from gslb.core.identity.names import Kind
from gslb.core.order import Order
from gslb.runtime import rpc
from gslb.store.base import ABSENT
from gslb.store.embedded import EmbeddedStore

NOTE = Note(who="operator/ann", peer="192.0.2.1:5", action="drain", what="site us")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    opened = await EmbeddedStore.open(tmp_path / "s.db", new_incarnation=1)
    yield opened
    await opened.close()


def entry(number: int = 1) -> Entry:
    return NOTE.done(number, Order(1, 1, number), Order(1, 1, number + 1))


async def trail(running: Running, limit: int = 0) -> list[pb.AuditEntry]:
    answer = await running.admin.GetAudit(pb.GetAuditRequest(limit=limit), timeout=DEADLINE_S)
    return list(answer.entries)


async def drain(running: Running, pool: str) -> None:
    scope = facts_pb2.Scope(kind=facts_pb2.SCOPE_KIND_POOL, name=pool)
    request = pb.SetOverrideRequest(scope=scope, action=facts_pb2.OVERRIDE_ACTION_DRAIN, who="ann", why="work")
    await running.admin.SetOverride(request, timeout=DEADLINE_S)


async def test_the_entry_stands_or_falls_with_the_change(store: EmbeddedStore) -> None:
    journal = Journal(store)
    await journal.commit(entry(1), compares={"k": ABSENT}, puts={"k": b"1"})
    with pytest.raises(Conflict):
        await journal.commit(entry(2), compares={"k": ABSENT}, puts={"k": b"2"})
    assert [(one.number, one.entry) for one in await journal.newest(10)] == [(1, entry(1))]


async def test_numbers_rise_whoever_writes(store: EmbeddedStore) -> None:
    journals = [Journal(store), Journal(store)]
    await asyncio.gather(*(journals[number % 2].write(entry(number)) for number in range(6)))
    found = await journals[0].newest(10)
    assert [one.number for one in found] == [6, 5, 4, 3, 2, 1]
    assert {one.entry.unix_s for one in found} == set(range(6))


async def test_the_oldest_goes(store: EmbeddedStore) -> None:
    journal = Journal(store, Trail("changes", 3))
    for number in range(5):
        await journal.write(entry(number))
    assert [one.number for one in await journal.newest(10)] == [5, 4, 3]
    assert len((await store.list("audit/changes/entries/")).entries) == 3


async def test_refused_attempts_push_out_no_changes(store: EmbeddedStore) -> None:
    changes, remarks = Journal(store, CHANGES), Journal(store, Trail(REMARKS.name, 3))
    await changes.write(entry(1))
    for number in range(2, 12):
        await remarks.write(NOTE.refused(number, Order(), "no"))
    found = await newest(store, 10)
    assert [(one.entry.unix_s, one.entry.outcome) for one in found] == [
        *((number, "refused: no") for number in (11, 10, 9)),
        (1, "done"),
    ]
    assert [one.entry.unix_s for one in await newest(store, 2)] == [11, 10]


async def test_an_entry_is_bounded(store: EmbeddedStore) -> None:
    long = Note(who="w" * 9999, peer="p" * 9999, action="apply", what="x" * 9999)
    journal = Journal(store)
    await journal.write(long.refused(1, Order(), "y" * 9999))
    (found,) = await journal.newest(1)
    assert max(map(len, (found.entry.who, found.entry.what, found.entry.outcome))) == MAX_TEXT_CHARACTERS


@pytest.mark.parametrize(
    ("key", "value"), [("audit/changes/last", b"x"), ("audit/changes/entries/000000000001", b"{}")]
)
async def test_what_others_wrote_is_not_believed(store: EmbeddedStore, key: str, value: bytes) -> None:
    journal = Journal(store)
    await journal.write(entry())
    await store.commit(compares={}, puts={key: value})
    with pytest.raises(StoreUnavailable, match="store"):
        await journal.newest(1)


async def test_changes_leave_who_what_and_both_orders(tmp_path: Path) -> None:
    async with coordinator(tmp_path) as running:
        await running.applied(message="first")
        await drain(running, "web-us")
        await running.applied(files(CONFIG + "# changed\n"), message="second")
        found = await trail(running)
        assert [(one.action, one.what, one.who, one.outcome) for one in found] == [
            ("apply", "second", "local", "done"),
            ("drain", "pool web-us: work", "local", "done"),
            ("apply", "first", "local", "done"),
        ]
        orders = [(one.before.config, one.before.directive, one.after.config, one.after.directive) for one in found]
        assert orders == [(1, 1, 2, 1), (1, 0, 1, 1), (0, 0, 1, 0)]
        assert all(one.peer.startswith("127.0.0.1:") for one in found)
        assert [one.number for one in await trail(running, limit=1)] == [3]


async def test_without_a_change_there_is_no_line(tmp_path: Path) -> None:
    async with coordinator(tmp_path) as running:
        await running.applied()
        await running.applied()
        await running.applied(files(CONFIG + "# changed\n"), dry_run=True)
        assert len(await trail(running)) == 1


async def test_the_trail_survives_a_restart(tmp_path: Path) -> None:
    async with coordinator(tmp_path) as running:
        await running.applied()
    async with coordinator(tmp_path) as running:
        assert [one.action for one in await trail(running)] == ["apply"]


async def test_what_is_refused_is_written_too(tmp_path: Path) -> None:
    async with coordinator(tmp_path) as running:
        await running.applied()
        await running.apply(files("zones: []\n"))
        with pytest.raises(grpc.aio.AioRpcError):
            await drain(running, "nowhere")
        await eventually(lambda: has_lines(running, 3))
        found = await trail(running)
        assert {one.action for one in found} == {"apply", "SetOverride"}
        refused = [one for one in found if one.outcome != "done"]
        assert len(refused) == 2
        for one in refused:
            assert one.outcome.startswith("refused: ")
            assert one.before == one.after


async def test_whoever_takes_a_copy_is_written_down(tmp_path: Path) -> None:
    async with coordinator(tmp_path) as running:
        await running.applied()
        async for _ in running.admin.Backup(pb.BackupRequest(), timeout=DEADLINE_S):
            pass
        await eventually(lambda: has_lines(running, 2))
        (copied,) = (one for one in await trail(running) if one.action != "apply")
        assert (copied.action, copied.who, copied.outcome) == ("backup", "local", "done")
        assert copied.before == copied.after


async def has_lines(running: Running, count: int) -> bool:
    return len(await trail(running)) >= count


async def test_the_certificate_says_who_not_the_caller(tmp_path: Path) -> None:
    pki = Pki(tmp_path / "pki")
    ours, admin = pki.issue(Kind.COORDINATOR, "c1"), pki.issue(Kind.OPERATOR, "admin")
    async with coordinator(tmp_path, security=ours, operator=admin) as running:
        await running.applied(author="somebody else")
        await drain(running, "web-us")
        config = await running.admin.GetConfig(pb.GetConfigRequest(), timeout=DEADLINE_S)
        assert config.author == "operator/admin"
        assert [override.who for override in (await running.status()).overrides] == ["operator/admin"]
        assert {one.who for one in await trail(running)} == {"operator/admin"}
        vera = pki.issue(Kind.OPERATOR, "vera")
        async with rpc.channel(f"127.0.0.1:{running.bound.port}", vera) as channel:
            other = Running(running.bound, channel, running.registry, running.task)
            for attempt in (trail(other), drain(other, "web-us")):
                with pytest.raises(grpc.aio.AioRpcError) as error:
                    await attempt
                assert error.value.code() is grpc.StatusCode.PERMISSION_DENIED
        await eventually(lambda: has_lines(running, 3))
        (refused,) = (one for one in await trail(running) if one.who != "operator/admin")
        assert (refused.who, refused.action) == ("operator/vera", "SetOverride")
        assert "needs operator" in refused.outcome


async def test_a_flood_of_refusals_is_counted_not_kept(store: EmbeddedStore) -> None:
    registry = CollectorRegistry()
    journal = Journal(store)
    remarks = Remarks(journal, Metrics(registry), Order, lambda: 7)
    for number in range(MAX_WAITING + 20):
        remarks.refused(NOTE, f"no {number}")
    assert registry.get_sample_value("gslb_coordinator_audit_dropped_total") == 20
    writing = asyncio.create_task(remarks.run())
    await until(lambda: not writing.done())
    await eventually(lambda: written(journal))
    writing.cancel()
    (first, *_) = reversed(await journal.newest(10))
    assert (first.number, first.entry.outcome, first.entry.unix_s) == (1, "refused: no 0", 7)


async def written(journal: Journal) -> bool:
    return bool(await journal.newest(1))


async def test_the_command_shows_it(tmp_path: Path) -> None:
    async with coordinator(tmp_path) as running:
        await running.applied(message="first")
        where = ["audit", "--admin", f"127.0.0.1:{running.bound.port}"]
        shown = await asyncio.to_thread(CliRunner().invoke, main, where)
        as_json = await asyncio.to_thread(CliRunner().invoke, main, [*where, "--json", "--limit", "1"])
    assert "local" in shown.output
    assert "0.0 -> 1.0" in shown.output
    assert [one["what"] for one in json.loads(as_json.output)["entries"]] == ["first"]


def test_the_trail_shows_the_incarnation_where_a_restore_has_raised_it(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = (((5, 7, 2), (8, 6, 1)), ((8, 6, 1), (8, 6, 2)))
    orders = [[dump_order(Order(*numbers)) for numbers in row] for row in rows]
    entries = [pb.AuditEntry(before=before, after=after) for before, after in orders]
    monkeypatch.setattr(client, "call", lambda admin, use: pb.GetAuditResponse(entries=entries))
    shown = CliRunner().invoke(main, ["audit"]).output
    assert "5.7.2 -> 8.6.1" in shown
    assert " 6.1 -> 6.2" in shown
