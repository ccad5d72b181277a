"""Where a coordinator keeps what must not be lost: the store, and the large inputs of configurations."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from gslb.coordinator.configuration.inputs import Inputs
from gslb.store.base import Store
from gslb.store.blobs import Blobs
from gslb.store.embedded import EmbeddedStore
from gslb.store.etcd.options import EtcdOptions
from gslb.store.etcd.store import EtcdStore
from gslb.store.shelf import Shelf


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    store: Store
    inputs: Inputs


@asynccontextmanager
async def open_storage(folder: Path, etcd: EtcdOptions | None, *, new_incarnation: int) -> AsyncIterator[Storage]:
    """`folder`: the coordinator's. `etcd` None: the embedded store in it. Raises StoreUnavailable.

    `new_incarnation` counts only for a store that is created; pass the wall clock's seconds.
    """
    store: Store
    if etcd is not None:
        store = await EtcdStore.open(etcd, new_incarnation=new_incarnation)
    else:
        store = await EmbeddedStore.open(folder / "store.db", new_incarnation=new_incarnation)
    try:
        shelf = None if etcd is None else Shelf(store)
        yield Storage(store=store, inputs=Inputs(Blobs(folder / "inputs", sync=True), shelf))
    finally:
        await store.close()
