"""What a coordinator does about changes in its store that it did not make, and about a store that cannot be read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from support.waiting import until

from gslb.coordinator.follower import Follower
from gslb.coordinator.metrics import Metrics
from gslb.core.errors import InvalidSnapshot, StoreUnavailable
from gslb.store import following
from gslb.store.base import Listing
from gslb.store.embedded import EmbeddedStore


@dataclass(slots=True)
class Catching:
    """Stands in for configuration and overrides: counts what it is asked, and fails as often as told."""

    broken: str = ""
    caught: int = 0
    failures: list[Exception] = field(default_factory=list)

    async def catch_up(self) -> None:
        if self.failures:
            raise self.failures.pop()
        self.caught += 1

    restore = catch_up


@dataclass(slots=True)
class World:
    store: EmbeddedStore
    configuration: Catching
    overrides: Catching


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    store = await EmbeddedStore.open(tmp_path / "store.db", new_incarnation=1)
    configuration, overrides = Catching(), Catching()
    follower = Follower(store, configuration, overrides, Metrics(CollectorRegistry()))
    task = asyncio.create_task(follower.run())
    yield World(store, configuration, overrides)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await store.close()


@contextmanager
def unreadable(store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    async def fail(*_: object, **__: object) -> Listing:
        raise StoreUnavailable("it burns")

    with monkeypatch.context() as patched:
        patched.setattr(store, "list", fail)
        yield


async def test_what_others_write_is_taken_up_and_other_keys_are_not_looked_at(world: World) -> None:
    await until(lambda: world.configuration.caught == world.overrides.caught == 1)
    await world.store.commit(compares={}, puts={"config/current": b"7"})
    await until(lambda: world.configuration.caught == 2)
    await world.store.commit(compares={}, puts={"directives": b"x", "config/revisions/1": b"x"})
    await until(lambda: world.overrides.caught == 2)
    assert world.configuration.caught == 2


async def test_what_cannot_be_taken_up_is_tried_again(world: World) -> None:
    await until(lambda: world.configuration.caught == world.overrides.caught == 1)
    world.configuration.failures = [StoreUnavailable("later"), InvalidSnapshot("of others")]
    await world.store.commit(compares={}, puts={"config/current": b"7"})
    await until(lambda: world.configuration.caught == 2)
    assert world.configuration.failures == []


async def test_a_store_that_cannot_be_read_is_a_trouble_until_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "_RETRY_S", 0.01)
    store = await EmbeddedStore.open(tmp_path / "store.db", new_incarnation=1)
    configuration, registry = Catching(broken="it does not compile"), CollectorRegistry()
    follower = Follower(store, configuration, Catching(), Metrics(registry))
    assert follower.troubles() == ("it does not compile",)
    with unreadable(store, monkeypatch):
        task = asyncio.create_task(follower.run())
        await until(lambda: registry.get_sample_value("gslb_coordinator_store_unavailable") == 1)
        trouble, _ = follower.troubles()
        assert trouble == "the store cannot be read, failover goes on, applies and overrides do not: it burns"
        assert configuration.caught == 0
    await until(lambda: configuration.caught == 1)
    assert registry.get_sample_value("gslb_coordinator_store_unavailable") == 0
    assert follower.troubles() == ("it does not compile",)
    task.cancel()
    await asyncio.wait([task])
    await store.close()
