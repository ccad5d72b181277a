"""Who watches the first dns server of a trial: a coordinator that hears it, whoever leads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from unittest.mock import Mock

import pytest
from prometheus_client import CollectorRegistry
from support.hubs import Clock
from support.waiting import until

from gslb.coordinator.configuration.keeper import Configuration
from gslb.coordinator.configuration.rollouts import Rollouts
from gslb.coordinator.metrics import Metrics
from gslb.coordinator.peers import watcher as module
from gslb.coordinator.peers.roster import WATCHER, Roster
from gslb.coordinator.peers.watcher import Overseer, Watcher
from gslb.coordinator.relay.dns_servers import DnsServer
from gslb.coordinator.relay.hub import Hub
from gslb.core.errors import Conflict
from gslb.core.order import Order
from gslb.core.rollout import FOUND_AFTER_S, PATIENCE_S, Rollout, Stage
from gslb.runtime.clock import monotonic_s
from gslb.store.base import ABSENT, ELECTIONS
from gslb.store.embedded import EmbeddedStore

ORDER = Order(7, 2, 0)
SOAK_S = 5
FENCE = {"election/leader": 4}


class Coordinator:
    """One that tells ns2 of revision 2, and hears it say that all is well."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.first = DnsServer(name="ns2", order=ORDER, asked=ORDER, seen_s=1e12)
        self.hub = Mock(Hub, candidate=Mock(first="ns2", publication=Mock(snapshot=Mock(order=ORDER))))
        self.other = DnsServer(name="ns1")
        self.hub.dns_servers = Mock(
            get=Mock(return_value=self.first), all=Mock(return_value=(DnsServer(name="ns0"), self.other, self.first))
        )
        rollout = Rollout(revision=2, stage=Stage.TRIAL, first="ns2", soak_s=SOAK_S)
        self.configuration = Mock(Configuration, rollout=rollout)
        self.metrics = Metrics(registry := CollectorRegistry())
        self.rollouts = Rollouts(self.configuration, self.hub, self.metrics)
        self.registry = registry

    def watcher(self, store: EmbeddedStore | None = None, name: str = "a") -> Watcher:
        return Watcher(store or Mock(EmbeddedStore), name, self.hub, self.rollouts, self.metrics, self.clock)

    @property
    def watches(self) -> bool:
        return bool(self.registry.get_sample_value("gslb_coordinator_watches"))

    def lose_first(self) -> None:
        self.first.seen_s = -1000.0

    def hear_first(self) -> None:
        self.first.seen_s = 1e12


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    opened = await EmbeddedStore.open(tmp_path / "store.db", new_incarnation=7)
    yield opened
    await opened.close()


async def test_of_those_that_hear_it_one_watches_and_another_as_soon_as_that_one_hears_it_no_more(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BEAT_S", 0.01)
    a, b = Coordinator(monotonic_s), Coordinator(monotonic_s)
    b.lose_first()
    roster = Roster(store, "c", monotonic_s)
    async with AsyncExitStack() as stack:
        for work in (roster.run(None, lambda _: None), a.watcher(store, "a").run(), b.watcher(store, "b").run()):
            task = asyncio.create_task(work)
            stack.push_async_callback(asyncio.wait, [task])
            stack.callback(task.cancel)
        await until(lambda: roster.watcher == "a" and (a.watches, b.watches) == (True, False))
        b.hear_first()
        a.lose_first()
        await until(lambda: roster.watcher == "b" and (a.watches, b.watches) == (False, True))
        b.hub.candidate = None
        await until(lambda: roster.watcher == "" and not b.watches)


async def test_what_does_well_is_released_by_who_watches() -> None:
    one = Coordinator(clock := Clock())
    watcher = one.watcher()
    for _ in range(SOAK_S):
        await watcher.attend(FENCE)
        clock.now_s += 1.0
    one.configuration.release.assert_not_called()
    await watcher.attend(FENCE)
    end, fence = one.configuration.release.call_args.args
    assert (end.revision, end.reason, fence) == (2, "", FENCE)
    one.configuration.roll_back.assert_not_called()


async def test_who_was_stopped_has_not_seen_that_all_was_well_meanwhile() -> None:
    one = Coordinator(clock := Clock())
    watcher = one.watcher()
    await watcher.attend(FENCE)
    clock.now_s += 60.0
    for _ in range(SOAK_S):
        await watcher.attend(FENCE)
        clock.now_s += 1.0
    one.configuration.release.assert_not_called()


async def test_a_coordinator_from_which_other_dns_servers_differ_too_is_no_judge() -> None:
    """It is cut off from agents perhaps, and knows less than all others."""
    one = Coordinator(clock := Clock())
    watcher = one.watcher()
    one.first.differs_since_s = one.other.differs_since_s = clock.now_s
    for _ in range(20):
        await watcher.attend(FENCE)
        clock.now_s += 1.0
    assert not watcher.is_fit()
    one.other.differs_since_s = None
    assert watcher.is_fit()
    one.configuration.roll_back.assert_not_called()
    one.configuration.release.assert_not_called()


async def test_what_alone_decides_otherwise_is_rolled_back() -> None:
    one = Coordinator(clock := Clock())
    watcher = one.watcher()
    one.first.differs_since_s = clock.now_s
    for _ in range(5):
        await watcher.attend(FENCE)
        clock.now_s += 1.0
    assert "it decided otherwise" in one.configuration.roll_back.call_args.args[0].reason


async def test_one_that_dies_again_and_again_is_not_on_trial_for_ever() -> None:
    """Each time it is away for too long to be watched, and not for long enough to be given up."""
    one = Coordinator(clock := Clock())
    watcher, end_s = one.watcher(), clock.now_s + PATIENCE_S + SOAK_S
    while clock.now_s <= end_s + 10:
        for asked in (Order(), ORDER, ORDER):  # after each start it asks itself anew
            one.first.asked = asked
            await watcher.attend(FENCE)
            clock.now_s += 1.0
        clock.now_s += 7.0
    one.configuration.release.assert_not_called()
    assert "within 305 s" in one.configuration.roll_back.call_args.args[0].reason


async def test_a_leader_that_cannot_hear_it_leaves_it_to_who_can() -> None:
    """Rolled back is only what nobody watches, and only if the store knows of nobody either."""
    leader, watching = Coordinator(clock := Clock()), "b"
    leader.lose_first()
    overseer = Overseer(leader.hub, leader.rollouts, lambda: watching, clock)
    for _ in range(100):
        await overseer.look(FENCE)
        clock.now_s += 1.0
    leader.configuration.roll_back.assert_not_called()
    watching = ""
    for _ in range(3):
        await overseer.look(FENCE)
        clock.now_s += 1.0
    leader.configuration.roll_back.assert_not_called()
    await overseer.look(FENCE)
    end, fence = leader.configuration.roll_back.call_args.args
    assert (end.revision, end.reason) == (2, "no coordinator hears it any more, or can judge it")
    assert fence == {**FENCE, ELECTIONS + WATCHER: ABSENT}


async def test_a_leader_that_was_stopped_does_not_take_what_it_missed_for_silence() -> None:
    leader = Coordinator(clock := Clock())
    overseer = Overseer(leader.hub, leader.rollouts, lambda: "", clock)
    for _ in range(5):
        clock.now_s += 60.0
        await overseer.look(FENCE)
    leader.configuration.roll_back.assert_not_called()
    for _ in range(int(FOUND_AFTER_S) + 1):
        clock.now_s += 1.0
        await overseer.look(FENCE)
    assert leader.configuration.roll_back.call_args.args[0].reason == "no coordinator has heard it, or can judge it"


async def test_that_the_store_does_not_take_the_outcome_is_told_as_long_as_it_is_so() -> None:
    one = Coordinator(clock := Clock())
    watcher = one.watcher()
    one.configuration.release.side_effect = Conflict("somebody was first")
    for _ in range(SOAK_S + 2):
        await watcher.attend(FENCE)
        clock.now_s += 1.0
    assert one.configuration.release.call_count == 2
    assert one.rollouts.troubles() == ("configuration 2 stays on trial at dns server ns2: somebody was first",)
    one.hub.candidate = None
    assert one.rollouts.troubles() == ()
