"""Following a store whose watches do not last, or that goes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import pytest
from support.waiting import until

from gslb.core.errors import StoreUnavailable
from gslb.store import following
from gslb.store.base import Event, Listing
from gslb.store.embedded import EmbeddedStore


class Pauses:
    """Stands in for Backoff: counts how often somebody paused, and takes no time."""

    taken = 0

    def __init__(self, **_: float) -> None:
        pass

    def delay_s(self) -> float:
        Pauses.taken += 1
        return 0.0

    def reset(self) -> None:
        pass


async def test_a_watch_that_is_refused_at_once_is_followed_by_a_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, refused = await EmbeddedStore.open(tmp_path / "store.db", new_incarnation=1), 0

    async def watch(_: str, __: int) -> AsyncGenerator[tuple[Event, ...], None]:
        nonlocal refused
        refused += 1
        raise StoreUnavailable("refused")
        yield ()

    monkeypatch.setattr(store, "watch", watch)
    monkeypatch.setattr(following, "Backoff", Pauses)
    await store.commit(compares={}, puts={"a": b"1"})
    async with asyncio.timeout(5), aclosing(following.follow(store, "")) as states:
        assert (await anext(states)).entries[0].value == b"1"
        changed = asyncio.ensure_future(anext(states))
        await until(lambda: refused > 3)
        assert Pauses.taken >= refused - 1
        await store.commit(compares={}, puts={"a": b"2"})
        assert (await changed).entries[0].value == b"2"  # listing goes on meanwhile
    await store.close()


async def test_a_store_that_goes_back_is_said_and_gives_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, said = await EmbeddedStore.open(tmp_path / "store.db", new_incarnation=1), list[str]()
    revision = await store.commit(compares={}, puts={"a": b"1"})
    listed = store.list

    async def older(prefix: str, *, stale: bool = False) -> Listing:
        return Listing(entries=(), revision=revision - 1)

    states = following.follow(store, "", relist_s=0.01, listed=lambda error: said.append(str(error or "")))
    async with asyncio.timeout(5), aclosing(states):
        await anext(states)
        changed = asyncio.ensure_future(anext(states))
        monkeypatch.setattr(store, "list", older)
        await until(lambda: f"at revision {revision - 1} after {revision}: it was taken back" in said[-1])
        assert not changed.done()
        monkeypatch.setattr(store, "list", listed)
        await until(lambda: said[-1] == "")
        await store.commit(compares={}, puts={"a": b"2"})
        assert (await changed).entries[0].value == b"2"
    await store.close()
