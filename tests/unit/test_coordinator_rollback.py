"""The history over the wire: what was applied is listed, compared, and applied again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from support.coordinators import CONFIG, DEADLINE_S, Running, coordinator, files

from gslb.api.v1 import admin_pb2 as pb
from gslb.coordinator.configuration.retention import Limits

FIRST, SECOND, THIRD = (CONFIG.replace('"one"', f'"{number}"') for number in ("one", "two", "three"))


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with coordinator(tmp_path, limits=Limits(revisions=4)) as started:
        for text, who in ((FIRST, "ann"), (SECOND, "bob"), (THIRD, "cas")):
            await started.applied(files(text), author=who, message=f"{who}'s")
        yield started


async def rollback(running: Running, revision: int, **more: object) -> pb.RollbackResponse:
    request = pb.RollbackRequest(**{"revision": revision, "author": "dan", **more})
    return await running.admin.Rollback(request, timeout=DEADLINE_S)


async def in_force(running: Running) -> pb.GetConfigResponse:
    return await running.admin.GetConfig(pb.GetConfigRequest(), timeout=DEADLINE_S)


async def test_what_was_applied_is_listed(running: Running) -> None:
    listed = await running.admin.ListConfigs(pb.ListConfigsRequest(), timeout=DEADLINE_S)
    assert [(one.revision, one.author, one.message, one.files) for one in listed.configs] == [
        (3, "cas", "cas's", 2),
        (2, "bob", "bob's", 2),
        (1, "ann", "ann's", 2),
    ]
    assert (listed.in_force, listed.more) == (3, False)
    assert listed.configs[0].size_bytes == sum(map(len, files(THIRD).values()))
    one = await running.admin.ListConfigs(pb.ListConfigsRequest(limit=1, before=3), timeout=DEADLINE_S)
    assert ([config.revision for config in one.configs], one.more) == ([2], True)


async def test_an_empty_history_is_none(tmp_path: Path) -> None:
    async with coordinator(tmp_path) as empty:
        listed = await empty.admin.ListConfigs(pb.ListConfigsRequest(), timeout=DEADLINE_S)
        assert (list(listed.configs), listed.in_force) == ([], 0)
        with pytest.raises(grpc.aio.AioRpcError, match="no configuration has been applied yet"):
            await rollback(empty, 1)


async def test_a_rollback_is_a_new_revision_with_the_old_contents(running: Running) -> None:
    async with running.dns_server("d") as dns:
        applied = (await rollback(running, 1, message="two was wrong")).applied
        assert (applied.order.config, applied.unchanged) == (4, False)
        config = await in_force(running)
        assert (config.revision, config.author, config.message) == (4, "dan", "two was wrong")
        assert config.files[0].text == FIRST
        await dns.until(lambda: dns.manifest_order.config == 4)
        texts = [
            rrset.rdatas for zone in (await dns.fetch()).model.zones for rrset in zone.rrsets if rrset.rrtype == 16
        ]
    assert texts == [(b"\x03one",)]
    assert running.count("applies_total", outcome="applied") == 4


async def test_a_rollback_says_by_itself_what_it_was(running: Running) -> None:
    await rollback(running, 2)
    assert (await in_force(running)).message == "roll back to revision 2"


async def test_serials_rise_when_contents_return(running: Running) -> None:
    answer = await running.admin.DiffConfigs(pb.DiffConfigsRequest(before=1, after=3), timeout=DEADLINE_S)
    (serial,) = (change for change in answer.changes if change.what == "serial")
    await rollback(running, 1)
    answer = await running.admin.DiffConfigs(pb.DiffConfigsRequest(before=1, after=4), timeout=DEADLINE_S)
    (change,) = answer.changes
    assert (change.what, change.name) == ("serial", "gslb.test")
    first, third, fourth = (int(number) for number in (*serial.detail.split(" -> "), change.detail.split(" -> ")[1]))
    assert (third, fourth) == (first + 2, first + 3)


async def test_a_dry_run_changes_nothing(running: Running) -> None:
    assert (await rollback(running, 1, dry_run=True)).applied.order.config == 4
    assert (await in_force(running)).revision == 3


async def test_what_is_in_force_already_is_no_new_revision(running: Running) -> None:
    applied = (await rollback(running, 3)).applied
    assert (applied.order.config, applied.unchanged) == (3, True)


async def test_somebody_elses_change_is_not_rolled_back_over(running: Running) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match="configuration 3 is in force, not 2") as refused:
        await rollback(running, 1, expected_revision=2)
    assert refused.value.code() is grpc.StatusCode.ABORTED
    assert (await in_force(running)).revision == 3
    assert (await rollback(running, 1, expected_revision=3)).applied.order.config == 4


@pytest.mark.parametrize(
    ("revision", "code", "text"),
    [
        (0, grpc.StatusCode.INVALID_ARGUMENT, "names the revision"),
        (9, grpc.StatusCode.NOT_FOUND, "configuration 9 is not kept: 1 to 3 are"),
    ],
)
async def test_only_what_is_kept_can_return(running: Running, revision: int, code: grpc.StatusCode, text: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match=text) as refused:
        await rollback(running, revision)
    assert refused.value.code() is code
    assert running.count("refused_total", method="Rollback", code=code.name) == 1


async def test_a_coordinator_keeps_as_many_as_its_options_say(running: Running) -> None:
    for number in range(3):
        await running.applied(files(CONFIG.replace('"one"', f'"more {number}"')))
    with pytest.raises(grpc.aio.AioRpcError, match="configuration 2 is not kept: 3 to 6 are"):
        await rollback(running, 2)


async def test_an_input_that_is_gone_is_named(running: Running, tmp_path: Path) -> None:
    await running.applied(files(THIRD + "# another text\n"))
    for blob in (tmp_path / "coordinator" / "inputs").iterdir():
        blob.unlink()
    with pytest.raises(grpc.aio.AioRpcError, match=r"of its files places\.mmdb are gone") as refused:
        await rollback(running, 1)
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert (await in_force(running)).revision == 4


async def test_the_last_change_is_compared_by_itself(running: Running) -> None:
    answer = await running.admin.DiffConfigs(pb.DiffConfigsRequest(), timeout=DEADLINE_S)
    assert (answer.before, answer.after, answer.more) == (2, 3, 0)
    assert [(one.kind, one.what, one.name) for one in answer.changes] == [
        (pb.ConfigChange.KIND_CHANGED, "record", "text.gslb.test TXT"),
        (pb.ConfigChange.KIND_CHANGED, "serial", "gslb.test"),
    ]


async def test_the_first_is_compared_with_nothing(running: Running) -> None:
    answer = await running.admin.DiffConfigs(pb.DiffConfigsRequest(after=1), timeout=DEADLINE_S)
    assert (answer.before, answer.after) == (0, 1)
    assert {one.kind for one in answer.changes} == {pb.ConfigChange.KIND_ADDED}
