"""An agent whose boot number is too low: nobody would ever listen to it, so it is told and begins higher."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import pytest
from support.coordinators import DOWN, UP, coordinator, files, to_the_end
from support.waiting import until

from gslb.api.v1 import health_pb2 as pb
from gslb.api.v1.health_pb2_grpc import HealthStub
from gslb.runtime.addresses import SocketAddress
from gslb.runtime.rpc import KNOWN_BOOT
from site_agent.boot import MOST, YOUNG_S, Boot
from site_agent.main import Options, run

FUTURE = 10**15
"""Where the clock stood when the counter was lost, in milliseconds: some 30,000 years from now."""


async def test_an_agent_that_lost_its_counter_while_its_clock_is_behind_is_heard_again(tmp_path: Path) -> None:
    async with coordinator(tmp_path / "coordinator") as running:
        await running.applied(files())
        async with running.agent("witness/a", boot=FUTURE) as before, running.dns_server("d") as dns:
            await before.report()
            await dns.until(lambda: "witness/a" in dns.facts.reports)
            before.call.cancel()
            at = SocketAddress("127.0.0.1", running.bound.port)
            agent = asyncio.create_task(run(Options(site="witness", name="a", coordinators=(at,), data=tmp_path)))
            try:
                await dns.until(lambda: dns.facts.reports["witness/a"].boot == FUTURE + 1)
            finally:
                agent.cancel()
                await asyncio.wait([agent])
        assert running.count("refused_total", method="Exchange", code="OUT_OF_RANGE") == 1
    assert (tmp_path / "agent" / "witness.a.boot").read_text() == f"{FUTURE + 1}\n"


async def test_who_was_overtaken_is_refused_and_no_sign_of_life(tmp_path: Path) -> None:
    async with coordinator(tmp_path) as running:
        await running.applied(files())
        async with running.agent("us/a1", boot=1) as old, running.agent("us/a1", boot=2) as new:
            await new.report(UP, UP)
            await until(lambda: running.count("reports_total", site="us", outcome="merged") == 1)
            await old.report(DOWN, DOWN)
            with pytest.raises(grpc.aio.AioRpcError, match="another agent of this name"):
                await to_the_end(old.call)
            assert dict(await old.call.trailing_metadata())[KNOWN_BOOT] == "2"
            again = HealthStub(running.channel).Exchange()
            await again.write(pb.ExchangeRequest(hello=pb.AgentHello(agent="us/a1", boot=1, version="t")))
            with pytest.raises(grpc.aio.AioRpcError, match="is below 2"):
                await to_the_end(again)
        assert running.count("reports_total", site="us", outcome="late") == 0


async def test_only_a_young_agent_begins_higher() -> None:
    now_s = 0.0
    boot = Boot(5, None, lambda: now_s)
    await boot.begin_above(4)  # said before by somebody who knew less
    assert boot.number == 5
    now_s = 2 * YOUNG_S  # nobody could be reached for so long
    await boot.begin_above(7)
    assert boot.number == 8
    boot.accept()
    now_s += YOUNG_S - 1
    boot.accept()
    await boot.begin_above(8)
    assert boot.number == 9
    await boot.begin_above(MOST)
    assert boot.number == 9
    now_s += 2
    await boot.begin_above(20)  # another one of its name has started since
    assert boot.number == 9
