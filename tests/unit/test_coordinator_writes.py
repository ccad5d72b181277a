"""What is written into the store, and when: nothing by reports, however many there are."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from support.coordinators import DOWN, UP, Running, coordinator
from support.waiting import until

from gslb.api.v1 import admin_pb2 as pb
from gslb.api.v1 import facts_pb2
from gslb.store.embedded import EmbeddedStore

AGENTS = ("us/a1", "us/a2", "eu/a1", "eu/a2", "witness/a1")
MEMBERS = 100_000
ROUNDS = 4


async def test_a_hundred_thousand_members_reporting_write_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Collection[str]] = []
    commit = EmbeddedStore.commit

    async def counted(
        store: EmbeddedStore, *, compares: Mapping[str, int], puts: Mapping[str, bytes], deletes: Collection[str] = ()
    ) -> int:
        written.append((*puts, *deletes))
        return await commit(store, compares=compares, puts=puts, deletes=deletes)

    async with coordinator(tmp_path) as running, AsyncExitStack() as stack:
        await running.applied()
        await until(lambda: running.count("leads") == 1)
        agents = [await stack.enter_async_context(running.agent(name)) for name in AGENTS]
        monkeypatch.setattr(EmbeddedStore, "commit", counted)
        for number in range(ROUNDS):
            states = [DOWN if number % 2 else UP, *([UP] * (MEMBERS // len(AGENTS) - 1))]
            for agent in agents:
                await agent.report(*states)
        await until(lambda: merged(running) == len(AGENTS) * ROUNDS)
        assert written == []
        scope = facts_pb2.Scope(kind=facts_pb2.SCOPE_KIND_POOL, name="web-us")
        drain = pb.SetOverrideRequest(scope=scope, action=facts_pb2.OVERRIDE_ACTION_DRAIN, who="ann", why="work")
        await running.admin.SetOverride(drain)
        assert [keys[0] for keys in written] == ["directives"]


def merged(running: Running) -> float:
    return sum(running.count("reports_total", site=site, outcome="merged") for site in ("us", "eu", "witness"))
