"""Failback: downs noted by the leader, shown, released by an operator, kept over restarts, refused with a reason."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from click.testing import CliRunner, Result
from structlog.testing import capture_logs
from support.coordinators import CONFIG, DOWN, UP, Agent, DnsServer, Running, coordinator, files
from support.waiting import until

from gslb.api.v1 import admin_pb2 as pb
from gslb.api.v1 import facts_pb2
from gslb.cli.main import main
from gslb.core.errors import StoreUnavailable
from gslb.core.facts import Cause, State, Verdict
from gslb.store.embedded import EmbeddedStore

MANUAL = CONFIG.replace("    site: us\n", "    site: us\n    failback: {mode: manual}\n")
RAMP = CONFIG.replace("    site: us\n", "    site: us\n    failback: {mode: ramp, over: 10s}\n")
RECOVERING = State(Verdict.RECOVERING, Cause.OK)


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The agents here do not beat: nobody waits to hear them."""
    monkeypatch.setattr("gslb.coordinator.parts.SETTLE_S", 0.0)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with coordinator(tmp_path) as started:
        await started.applied(files(MANUAL))
        await until(lambda: started.count("leads") == 1)
        yield started


@asynccontextmanager
async def restarted(folder: Path) -> AsyncIterator[tuple[Running, Agent, DnsServer]]:
    """The coordinator of before, an agent that is new and finds all up, and a dns server."""
    async with coordinator(folder) as running, running.agent("us/a1", boot=2) as us, running.dns_server("d") as dns:
        await us.report(UP, UP)
        yield running, us, dns


async def lose_us1(us: Agent, dns: DnsServer) -> None:
    """It is down, and its down is noted."""
    await us.report(DOWN, UP)
    await dns.until(lambda: len(dns.directives.latches) == 1)


async def failback(running: Running, *names: str, kind: str = "") -> pb.FailbackResponse:
    scopes = [
        facts_pb2.Scope(kind=f"SCOPE_KIND_{kind or ('MEMBER' if '/' in name else 'POOL')}", name=name) for name in names
    ]
    return await running.admin.Failback(pb.FailbackRequest(scopes=scopes, who="ann", why="mended"))


async def member(running: Running, name: str) -> pb.MemberStatus:
    pools = (await running.status()).pools
    return next(found for pool in pools for found in pool.members if found.name == name)


async def test_from_down_to_taken_back(running: Running) -> None:
    async with running.agent("us/a1") as us, running.agent("eu/a1") as eu, running.dns_server("d") as dns:
        await eu.report(UP)
        await lose_us1(us, dns)
        (latch,) = dns.directives.latches
        assert (latch.key, latch.revision, latch.up_unix_s) == (("web-us", "web", "A", "us1"), 1, None)

        await us.report(RECOVERING, UP)
        assert not (await member(running, "us1")).back
        await us.report(UP, UP)
        await dns.until(lambda: dns.directives.latches[0].up_unix_s is not None)
        status = await member(running, "us1")
        assert (status.verdict, status.serving, status.back, status.latch.revision) == ("up", False, True, 1)
        assert "pool web-us: up again, and waiting for `gslb failback web-us`: us1" in (await running.status()).alarms
        await until(lambda: running.count("latches", state="waiting") == 1)

        response = await failback(running, "web-us")
        assert [one.member for one in response.released] == ["us1"]
        await dns.until(lambda: dns.directives.latches == ())
        assert (await member(running, "us1")).serving
    assert running.count("failbacks_total", change="noted") == 1
    assert running.count("failbacks_total", change="released") == 1
    entries = (await running.admin.GetAudit(pb.GetAuditRequest())).entries
    assert [(entry.action, entry.what) for entry in entries if entry.action == "failback"] == [
        ("failback", "pool web-us: mended")
    ]


async def test_a_late_release_leaves_a_newer_down(running: Running) -> None:
    async with running.agent("us/a1") as us, running.dns_server("d") as dns:
        await lose_us1(us, dns)
        await us.report(UP, UP)
        await dns.until(lambda: dns.directives.latches[0].up_unix_s is not None)
        await us.report(DOWN, UP)
        await dns.until(lambda: dns.directives.latches[0].revision == 3)
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await failback(running, "web-us/us1")
        assert error.value.code() is grpc.StatusCode.NOT_FOUND
        assert error.value.details() == "nothing of member 'web-us/us1' waits for failback; waiting: none"
        assert len(dns.directives.latches) == 1


async def test_a_thousand_downs_are_one_transaction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = ", ".join(f"{{name: m{n}, address: 10.1.{n // 250}.{n % 250}}}" for n in range(1_000))
    config = MANUAL.replace("{name: us1, address: 192.0.2.10}, {name: us2, address: 192.0.2.11}", many)
    written: list[Collection[str]] = []
    commit = EmbeddedStore.commit

    async def counted(
        store: EmbeddedStore, *, compares: Mapping[str, int], puts: Mapping[str, bytes], deletes: Collection[str] = ()
    ) -> int:
        written.append(tuple(puts))
        return await commit(store, compares=compares, puts=puts, deletes=deletes)

    async with coordinator(tmp_path) as running:
        await running.applied(files(config))
        await until(lambda: running.count("leads") == 1)
        async with running.agent("us/a1") as us, running.dns_server("d") as dns:
            monkeypatch.setattr(EmbeddedStore, "commit", counted)
            await us.report(*[DOWN] * 1_000)
            await dns.until(lambda: len(dns.directives.latches) == 1_000)
            assert written == [("directives",)]
            beats = len(dns.beats)
            await dns.until(lambda: len(dns.beats) >= beats + 3)
            assert written == [("directives",)]


async def test_latches_survive_a_restart_and_a_rollback(tmp_path: Path) -> None:
    async with coordinator(tmp_path) as running:
        await running.applied(files(MANUAL))
        async with running.agent("us/a1") as us, running.dns_server("d") as dns:
            await lose_us1(us, dns)
    async with restarted(tmp_path) as (running, us, dns):
        await dns.until(lambda: dns.directives.latches[0].up_unix_s is not None)
        assert not (await member(running, "us1")).serving
        await running.applied(files(MANUAL.replace("address: 192.0.2.11", "address: 192.0.2.99")), now=True)
        await running.admin.Rollback(pb.RollbackRequest(revision=1, author="ann"))
        assert not (await member(running, "us1")).serving


async def test_a_latch_goes_with_its_member_and_with_the_mode(running: Running) -> None:
    async with running.agent("us/a1") as us, running.dns_server("d") as dns:
        await us.report(DOWN, DOWN)
        await dns.until(lambda: len(dns.directives.latches) == 2)
        await running.applied(files(MANUAL.replace("name: us1,", "name: us9,")), now=True)
        await dns.until(lambda: [latch.key.member for latch in dns.directives.latches] == ["us2"])
        await running.applied(files(CONFIG), now=True)
        await dns.until(lambda: dns.directives.latches == ())


@pytest.mark.parametrize(("limit", "value"), [("MAX_LATCHES", 1), ("MAX_LATCH_BYTES", 100)])
async def test_no_more_are_noted_than_directives_may_hold(
    running: Running, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    monkeypatch.setattr(f"gslb.core.steering.failback.{limit}", value)
    async with running.agent("us/a1") as us, running.dns_server("d") as dns:
        await us.report(DOWN, DOWN)
        await dns.until(lambda: len(dns.directives.latches) == 1)
        assert any(
            alarm.startswith("1 members are noted down, more are not") for alarm in (await running.status()).alarms
        )
        await us.report(UP, UP)
        await dns.until(lambda: dns.directives.latches[0].up_unix_s is not None)
        assert (await member(running, "us2")).serving


async def test_a_store_that_refuses_is_said_once_by_the_leader_and_once_when_it_takes_again(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit, refused, told = EmbeddedStore.commit, list[int](), "failback latches stay as they are"

    async def refusing(store: EmbeddedStore, **changes: object) -> int:
        if len(refused) < 3:
            refused.append(1)
            raise StoreUnavailable("full")
        return await commit(store, **changes)

    monkeypatch.setattr("gslb.coordinator.peers.leader.BEAT_S", 0.01)
    monkeypatch.setattr(EmbeddedStore, "commit", refusing)
    with capture_logs() as logs:
        async with running.agent("us/a1") as us, running.dns_server("d") as dns:
            await us.report(DOWN, UP)
            await dns.until(lambda: len(dns.directives.latches) == 1)
            await until(lambda: any(log["event"] == "no longer so" for log in logs))
    assert len(refused) == 3
    assert [log["reason"] for log in logs if log["event"] == told] == ["full"]
    assert [log["what"] for log in logs if log["event"] == "no longer so"] == [told]


async def test_a_ramp_goes_up_by_itself(tmp_path: Path) -> None:
    async with coordinator(tmp_path) as running:
        await running.applied(files(RAMP))
        async with running.agent("us/a1") as us, running.dns_server("d") as dns:
            await lose_us1(us, dns)
            await us.report(UP, UP)
            await dns.until(lambda: dns.directives.latches[0].step > 0)
            share = (await member(running, "us1")).share
            assert 0 < share < 65_536 // 2
            step = dns.directives.latches[0].step
            await dns.until(lambda: dns.directives.latches[0].step > step)
            assert (await member(running, "us1")).share > share
            await failback(running, "web-us/us1")
            assert (await member(running, "us1")).share == 65_536 // 2


async def test_a_ramp_goes_on_where_the_coordinator_before_left_it(tmp_path: Path) -> None:
    config = files(RAMP.replace("over: 10s", "over: 1h"))
    async with coordinator(tmp_path) as running:
        await running.applied(files(RAMP))
        async with running.agent("us/a1") as us, running.dns_server("d") as dns:
            await lose_us1(us, dns)
            await us.report(UP, UP)
            await dns.until(lambda: dns.directives.latches[0].step > 1)
            await running.applied(config)
        before = (await member(running, "us1")).latch
    async with restarted(tmp_path) as (running, us, dns):
        beats = len(dns.beats)
        await dns.until(lambda: len(dns.beats) >= beats + 2)
        (latch,) = dns.directives.latches
        assert (latch.revision, latch.step) == (before.revision, before.step)
        await us.report(DOWN, UP)
        await dns.until(lambda: dns.directives.latches[0].step == 0)


async def test_the_command_lists_and_takes_back(running: Running) -> None:
    async with running.agent("us/a1") as us, running.dns_server("d") as dns:
        assert (await gslb(running)).output == "nothing waits for failback\n"
        await us.report(DOWN, DOWN)
        await dns.until(lambda: len(dns.directives.latches) == 2)
        await us.report(UP, UP)
        await dns.until(lambda: all(latch.up_unix_s is not None for latch in dns.directives.latches))
        lines = (await gslb(running)).output.splitlines()
        assert [line.split()[:4] for line in lines[-2:]] == [["web-us", name, "web", "A"] for name in ("us1", "us2")]
        listed = json.loads((await gslb(running, "--json")).output)
        assert [latch["member"] for latch in listed["latches"]] == ["us1", "us2"]

        taken = await gslb(running, "web-us/us1", "web-us/us2", "--why", "mended", "--json")
        assert [latch["member"] for latch in json.loads(taken.output)["released"]] == ["us1", "us2"]
        refused = await gslb(running, "web-us")
        assert refused.exit_code == 1
        assert "nothing of pool 'web-us' waits for failback; waiting: none" in refused.output


async def gslb(running: Running, *arguments: str) -> Result:
    command = ["failback", *arguments, "--admin", f"127.0.0.1:{running.bound.port}"]
    with capture_logs():  # the coordinator's, in this process
        return await asyncio.to_thread(CliRunner().invoke, main, command)


@pytest.mark.parametrize(
    ("names", "kind", "code"),
    [
        ((), "", grpc.StatusCode.INVALID_ARGUMENT),
        (("us",), "SITE", grpc.StatusCode.INVALID_ARGUMENT),
        (("web-uss",), "", grpc.StatusCode.NOT_FOUND),
        (("web-us",), "", grpc.StatusCode.NOT_FOUND),
    ],
)
async def test_nonsense_is_refused(running: Running, names: tuple[str, ...], kind: str, code: grpc.StatusCode) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await failback(running, *names, kind=kind)
    assert error.value.code() is code
    assert (await running.status()).order.directive == 0
