"""A backup back into a store that nobody uses: everything is checked first, the incarnation rises before all else.

A kill in the middle leaves a store without a configuration in force: nothing of it is published, and the restore can be
done again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from pathlib import Path

from gslb.codec.backup import Input, Item, Key, read
from gslb.coordinator.admin import directives
from gslb.coordinator.audit.entry import Entry, Note
from gslb.coordinator.audit.journal import Journal
from gslb.coordinator.backup.checking import Summary, check
from gslb.coordinator.backup.taking import LEFT_OUT
from gslb.coordinator.configuration.history import CURRENT, load_pointer
from gslb.coordinator.storage import Storage, open_storage
from gslb.core.errors import GslbError, StoreUnavailable
from gslb.core.order import Order
from gslb.store.base import ELECTIONS, MAX_COMMIT_BYTES, MAX_COMMIT_KEYS, Store
from gslb.store.etcd.options import EtcdOptions


class NotRestored(GslbError):
    """The store is in use, or holds something that is not to be replaced. Nothing was changed."""

    code = "not-restored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which store: that of a coordinator with this folder and these options."""

    folder: Path
    etcd: EtcdOptions | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    summary: Summary
    incarnation: int


async def restore(
    path: Path, place: Place, *, who: str, now_unix_s: int, may_replace: Callable[[Summary, int], bool]
) -> Restored:
    """Put the backup into the store, as a new incarnation; the restored audit trail says so, and `who` did it.

    `may_replace` is asked before a store that is not empty is emptied, with the number of its keys. Raises
    InvalidBackup, NotRestored, OSError before anything is changed; StoreUnavailable, Conflict also after that.
    """
    summary = await asyncio.to_thread(check, path)
    async with open_storage(place.folder, place.etcd, new_incarnation=now_unix_s) as storage:
        store = storage.store
        if place.etcd is not None and (await store.list(ELECTIONS)).entries:  # the embedded one admits only one user
            raise NotRestored(
                "a coordinator uses this store: stop all of them first, and wait half a minute for those that were"
                " killed; nothing was changed"
            )
        present = await _keys(store)
        if present and not may_replace(summary, len(present)):
            raise NotRestored("the store is not empty: --replace puts the backup in its place; nothing was changed")
        incarnation = max(now_unix_s, store.incarnation + 1, summary.head.incarnation + 1)
        before = await _in_force(store)
        await store.raise_incarnation(incarnation)
        await _empty(store, present)
        config = summary.in_force.revision if summary.in_force is not None else 0
        note = Note(who=who, peer="", action="restore", what=path.name)
        await _write(path, storage, note.done(now_unix_s, before, Order(incarnation, config, summary.directive)))
    return Restored(summary=summary, incarnation=incarnation)


async def _in_force(store: Store) -> Order:
    """What is there now, for the audit trail; 0 stands for what is not, or cannot be read, as a restore mends that."""
    config = directive = 0
    current, directions = await store.get(CURRENT), await store.get(directives.KEY)
    with suppress(StoreUnavailable):
        config = load_pointer(current.value) if current is not None else 0
    with suppress(StoreUnavailable):
        directive = directives.load(directions.value).revision if directions is not None else 0
    return Order(store.incarnation, config, directive)


async def _keys(store: Store) -> Sequence[str]:
    """Of what backups hold. Large inputs that nobody names are removed when a coordinator starts."""
    scan = await store.scan(LEFT_OUT)
    async with aclosing(scan.entries) as entries:
        return [entry.key async for entry in entries]


async def _empty(store: Store, keys: Collection[str]) -> None:
    """What says what is in force goes first, so that a store that is half empty has nothing to publish."""
    await store.commit(compares={}, puts={}, deletes=[CURRENT])
    others = [key for key in keys if key != CURRENT]
    for start in range(0, len(others), MAX_COMMIT_KEYS):
        await store.commit(compares={}, puts={}, deletes=others[start : start + MAX_COMMIT_KEYS])


async def _write(path: Path, storage: Storage, entry: Entry) -> None:
    """What says what is in force comes last, and with it the line in the audit trail."""
    current: Mapping[str, bytes] = {}
    batch: dict[str, bytes] = {}
    for item in _items(path):
        match item:
            case Input():
                await storage.inputs.take(item.digest, item.content)
            case Key(key=key, value=value) if key == CURRENT:
                current = {key: value}
            case Key(key=key, value=value):
                if not _fits(batch, item):
                    await storage.store.commit(compares={}, puts=batch)
                    batch = {}
                batch[key] = value
            case _:
                pass
    await storage.store.commit(compares={}, puts=batch)
    await Journal(storage.store).commit(entry, compares={}, puts=current)


def _items(path: Path) -> Iterator[Item]:
    with path.open("rb") as file:
        yield from read(file)


def _fits(batch: Mapping[str, bytes], item: Key) -> bool:
    present = sum(len(key.encode()) + len(value) for key, value in batch.items())
    return len(batch) < MAX_COMMIT_KEYS and present + len(item.key.encode()) + len(item.value) <= MAX_COMMIT_BYTES
