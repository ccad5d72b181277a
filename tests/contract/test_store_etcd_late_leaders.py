"""Leaders that do not know that they lead no more, as after a pause: a hundred in a row, on real etcd."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import pairwise

from support.etcd import Cluster, members_of_module
from support.waiting import until

from gslb.core.errors import Conflict
from gslb.store.base import ELECTIONS
from gslb.store.etcd import leases
from gslb.store.etcd.store import EtcdStore
from gslb.store.leadership import Leadership

TURNS = 100
LONGEST_PAUSE_S = 0.03
DEADLINE_S = 60


member = members_of_module(1)


@dataclass(slots=True)
class Plan:
    """What leaders wrote: (revision of the commit, term of the leader), and how often one was too late."""

    acknowledged: list[tuple[int, int]] = field(default_factory=list)
    late: int = 0

    @property
    def terms(self) -> frozenset[int]:
        """Of all leaders that have written."""
        return frozenset(term for _, term in self.acknowledged)


async def lead(store: EtcdStore, name: str, plan: Plan, chance: random.Random) -> None:
    """Lead whenever possible, and write on until refused: whoever was paused believes that he leads."""
    while True:
        async with store.campaign("leader", name) as leadership:
            await write(store, leadership, plan, chance)


async def write(store: EtcdStore, leadership: Leadership, plan: Plan, chance: random.Random) -> None:
    while True:
        try:
            term = leadership.revision
            revision = await store.commit(compares=leadership.fence, puts={"plan": str(term).encode()})
        except Conflict:
            plan.late += 1
            return
        plan.acknowledged.append((revision, term))
        await asyncio.sleep(chance.uniform(0, LONGEST_PAUSE_S))


async def depose(store: EtcdStore) -> None:
    """As if the leader's lease had run out while it was paused."""
    found = await store.read(store.keys.dump(f"{ELECTIONS}leader"), stale=False)
    if found is not None:
        await leases.revoke(store.client, leases.Lease(id=found.lease, ttl_s=0, asked_s=0))


async def test_a_hundred_leaders_that_are_late_write_nothing_over_what_came_after_them(member: Cluster) -> None:
    chance, plan = random.Random(1), Plan()
    async with asyncio.timeout(DEADLINE_S), AsyncExitStack() as stack:
        stores = [await EtcdStore.open(member.options("late"), new_incarnation=7) for _ in range(4)]
        for store in stores:
            stack.push_async_callback(store.close)
        leading = [asyncio.create_task(lead(store, str(n), plan, chance)) for n, store in enumerate(stores[1:])]
        for turn in range(TURNS):
            await until(lambda turn=turn: plan.late >= turn and len(plan.terms) > turn)
            await asyncio.sleep(chance.uniform(0, LONGEST_PAUSE_S))
            await depose(stores[0])
        await until(lambda: plan.late == TURNS)
        for task in leading:
            task.cancel()
        await asyncio.wait(leading)
        entry = await stores[0].get("plan")
    terms = [term for _, term in sorted(plan.acknowledged)]
    assert all(earlier <= later for earlier, later in pairwise(terms))
    assert len(plan.terms) >= TURNS
    assert entry is not None
    assert int(entry.value) >= terms[-1]
