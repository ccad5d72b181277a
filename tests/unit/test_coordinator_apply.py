"""Apply: a configuration takes force whole or not at all."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import grpc
import pytest
from support.coordinators import CONFIG, DEADLINE_S, Running, coordinator, files, make_offer, places, to_the_end

from gslb.api.v1 import admin_pb2 as pb
from gslb.coordinator.admin import apply
from gslb.coordinator.configuration import keeper as configuration
from gslb.coordinator.configuration.contents import IN_MEMORY_BYTES

ZONE = CONFIG.replace(
    "zones:", "zones:\n  - {name: big.test, nameservers: [ns1.gslb.test], contact: o@b.test, file: big.zone}"
)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with coordinator(tmp_path) as started:
        yield started


async def refused(running: Running, *messages: pb.ApplyRequest, half_close: bool = False) -> grpc.aio.AioRpcError:
    """What a call that sends `messages` fails with."""
    call = running.admin.Apply(timeout=DEADLINE_S)
    for message in messages:
        await call.write(message)
    if half_close:
        await call.done_writing()
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await to_the_end(call)
    return error.value


def offered(**contents: bytes) -> pb.ApplyRequest:
    return pb.ApplyRequest(offer=make_offer(contents))


async def test_a_configuration_takes_force(running: Running) -> None:
    applied = await running.applied(author="ann", message="first")
    assert (applied.order.config, applied.unchanged, list(applied.warnings)) == (1, False, [])
    config = await running.admin.GetConfig(pb.GetConfigRequest())
    assert (config.revision, config.author, config.message) == (1, "ann", "first")
    assert [(file.path, file.size_bytes) for file in config.files] == [
        ("gslb.yaml", len(CONFIG)),
        ("places.mmdb", len(places())),
    ]
    assert config.files[0].text == CONFIG
    assert config.files[1].text == ""
    assert config.files[1].sha256 == sha256(places()).digest()
    assert running.count("applies_total", outcome="applied") == 1
    assert running.count("order", number="config") == 1


async def test_what_the_coordinator_holds_is_not_sent_again(running: Running) -> None:
    await running.applied()
    changed = files(CONFIG.replace('"one"', '"two"'))
    call = running.admin.Apply(timeout=DEADLINE_S)
    await call.write(pb.ApplyRequest(offer=make_offer(changed)))
    assert list((await call.read()).wanted.sha256) == [sha256(changed["gslb.yaml"]).digest()]
    call.cancel()


async def test_the_same_content_is_no_new_revision(running: Running) -> None:
    await running.applied()
    again = await running.applied(author="somebody else")
    assert (again.order.config, again.unchanged) == (1, True)
    assert running.count("applies_total", outcome="unchanged") == 1
    assert (await running.applied(files(CONFIG + "\n# a comment\n"))).order.config == 2


async def test_a_bad_configuration_is_refused_with_every_problem(running: Running) -> None:
    await running.applied()
    bad = CONFIG.replace("site: us\n", "site: uss\n").replace("monitor: web, members", "monitor: wab, members")
    refusal = (await running.apply(files(bad))).refused
    assert len(refusal.problems) == 2
    for problem in refusal.problems:
        assert problem.file == "gslb.yaml"
        assert problem.line > 0
    assert "uss" in refusal.problems[0].text
    assert "wab" in refusal.problems[1].text
    assert (await running.status()).order.config == 1
    assert running.count("applies_total", outcome="refused") == 1


async def test_a_broken_geo_database_is_refused_where_it_is_named_and_the_old_one_stays(running: Running) -> None:
    await running.applied()
    refusal = (await running.apply({**files(), "places.mmdb": b"no database"})).refused
    (problem,) = refusal.problems
    line = 1 + CONFIG.splitlines().index("geo: {database: places.mmdb}")
    assert (problem.file, problem.line, problem.column) == ("gslb.yaml", line, len("geo: {database: ") + 1)
    assert problem.text.startswith("geo database `places.mmdb`: it is not in MaxMind DB format")
    refusal = (await running.apply({"gslb.yaml": CONFIG.encode()})).refused
    (problem,) = refusal.problems
    assert (problem.file, problem.line > 0) == ("gslb.yaml", True)
    assert problem.text.startswith("there is no file `places.mmdb`")
    assert (await running.status()).order.config == 1
    assert (await running.applied()).unchanged


async def test_the_wrong_expected_revision_is_aborted(running: Running) -> None:
    await running.applied(expected_revision=0)
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await running.apply(files(CONFIG + "\n"), expected_revision=7)
    assert error.value.code() is grpc.StatusCode.ABORTED
    assert error.value.details() == "configuration 1 is in force, not 7: see what changed, then apply again"
    assert (await running.applied(files(CONFIG + "\n"), expected_revision=1)).order.config == 2


async def test_a_dry_run_changes_nothing(running: Running) -> None:
    would_be = await running.applied(dry_run=True)
    assert would_be.order.config == 1
    assert (await running.status()).order.config == 0
    assert (await running.apply(files(CONFIG.replace("site: us\n", "site: uss\n")), dry_run=True)).refused.problems
    with pytest.raises(grpc.aio.AioRpcError, match="no configuration has been applied yet"):
        await running.admin.GetConfig(pb.GetConfigRequest())
    assert running.count("applies_total", outcome="dry_run") == 1


async def test_earlier_configurations_can_be_read(running: Running) -> None:
    await running.applied()
    await running.applied(files(CONFIG.replace('"one"', '"two"')))
    first = await running.admin.GetConfig(pb.GetConfigRequest(revision=1))
    assert first.files[0].text == CONFIG
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await running.admin.GetConfig(pb.GetConfigRequest(revision=3))
    assert error.value.code() is grpc.StatusCode.NOT_FOUND


async def test_large_files_arrive_in_pieces_and_are_kept_as_blobs(running: Running, tmp_path: Path) -> None:
    large = b"host 60 IN A 192.0.2.1\n" + b"; padding\n" * (IN_MEMORY_BYTES // 5)
    await running.applied(files(ZONE, big_zone=large))
    config = await running.admin.GetConfig(pb.GetConfigRequest())
    assert [file.path for file in config.files if not file.text] == ["places.mmdb", "big.zone"]
    inputs = {path.name for path in (tmp_path / "coordinator" / "inputs").iterdir()}
    assert inputs == {sha256(content).hexdigest() for content in (large, places())}


async def test_contents_that_are_not_what_was_offered_are_refused(running: Running) -> None:
    digest = sha256(b"good").digest()
    offer = offered(**{"gslb.yaml": b"good"})
    for data, text in (
        (pb.FileData(sha256=digest, content=b"evil"), "has the hash"),
        (pb.FileData(sha256=digest, content=b"too long"), "not beyond the size"),
        (pb.FileData(sha256=digest, offset=2, content=b"od"), "in order"),
        (pb.FileData(sha256=bytes(32), content=b"good"), "was not asked for"),
    ):
        error = await refused(running, offer, pb.ApplyRequest(data=data))
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert text in (error.details() or "")
    error = await refused(running, offer, half_close=True)
    assert "contents that were asked for are missing" in (error.details() or "")
    error = await refused(running, offer, offer)
    assert "contents that were asked for are missing" in (error.details() or "")
    assert running.count("refused_total", method="Apply", code="INVALID_ARGUMENT") == 6


@pytest.mark.parametrize(
    ("offer", "text"),
    [
        (pb.Offer(), "names 1 to"),
        (pb.Offer(files=[pb.OfferedFile(path="a", sha256=b"x")]), "has 1 octets, not 32"),
        (pb.Offer(files=[pb.OfferedFile(path="", sha256=bytes(32))]), "is no path"),
        (pb.Offer(files=[pb.OfferedFile(path="a\0b", sha256=bytes(32))]), "is no path"),
        (pb.Offer(files=[pb.OfferedFile(path="a", sha256=bytes(32))] * 2), "each path once"),
        (pb.Offer(files=[pb.OfferedFile(path="a", sha256=bytes(32), size_bytes=2**40)]), "too large"),
        (pb.Offer(files=[pb.OfferedFile(path=str(n), sha256=bytes(32)) for n in range(1_001)]), "names 1 to"),
    ],
)
async def test_an_offer_that_can_be_no_configuration_is_refused(running: Running, offer: pb.Offer, text: str) -> None:
    error = await refused(running, pb.ApplyRequest(offer=offer))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert text in (error.details() or "")


async def test_paths_are_names_and_reach_no_disk(running: Running, tmp_path: Path) -> None:
    outside = tmp_path / "outside.yaml"
    outside.write_text("sites: [{name: secret}]")
    text = CONFIG + f"\ninclude: [{outside}, ../../../../../../etc/passwd]\n"
    refusal = (await running.apply(files(text))).refused
    assert refusal.problems
    assert all("not among the files" in problem.text for problem in refusal.problems)


async def test_an_apply_goes_on_when_its_caller_is_gone(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on, build = asyncio.Event(), threading.Event(), configuration.build
    loop = asyncio.get_running_loop()

    def slow(*arguments: object) -> object:
        loop.call_soon_threadsafe(begun.set)
        assert go_on.wait(DEADLINE_S)
        return build(*arguments)

    monkeypatch.setattr(configuration, "build", slow)
    applying = asyncio.create_task(running.apply())
    async with running.dns_server("d") as dns, asyncio.timeout(DEADLINE_S):
        await begun.wait()
        applying.cancel()
        await asyncio.wait([applying])
        assert applying.cancelled()
        go_on.set()
        await dns.until(lambda: bool(dns.manifest))
    assert (await running.admin.GetConfig(pb.GetConfigRequest())).revision == 1


async def test_few_at_a_time(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply, "MAX_APPLIES", 1)
    first = running.admin.Apply(timeout=DEADLINE_S)
    await first.write(offered(**{"gslb.yaml": b"x"}))
    await first.read()
    error = await refused(running, offered(**{"gslb.yaml": b"x"}))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    await first.done_writing()
    with pytest.raises(grpc.aio.AioRpcError):
        await to_the_end(first)
    assert (await running.applied()).order.config == 1


async def test_of_racing_applies_each_has_its_own_revision(running: Running) -> None:
    texts = [CONFIG.replace('"one"', f'"{number}"') for number in range(4)]
    results = await asyncio.gather(*(running.applied(files(text)) for text in texts))
    assert sorted(result.order.config for result in results) == [1, 2, 3, 4]
    for text, result in zip(texts, results, strict=True):
        stored = await running.admin.GetConfig(pb.GetConfigRequest(revision=result.order.config))
        assert stored.files[0].text == text


async def test_a_silent_client_is_let_go(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply, "PIECE_TIMEOUT_S", 0.05)
    error = await refused(running, offered(**{"gslb.yaml": b"x"}))
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
