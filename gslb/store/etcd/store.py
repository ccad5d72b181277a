"""The store in etcd, for installations with several coordinators."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from gslb.core.errors import Conflict, StoreUnavailable
from gslb.etcdpb.v3 import etcd_pb2 as pb
from gslb.store.base import ABSENT
from gslb.store.etcd.election import campaign
from gslb.store.etcd.keyspace import Keyspace, is_at, put
from gslb.store.etcd.methods import TXN
from gslb.store.etcd.options import EtcdOptions
from gslb.store.leadership import Leadership


class EtcdStore(Keyspace):
    """A Store. Open with `EtcdStore.open`."""

    def __init__(self, options: EtcdOptions) -> None:
        super().__init__(options)
        self._incarnation = 0

    @classmethod
    async def open(cls, options: EtcdOptions, *, new_incarnation: int) -> EtcdStore:
        """Find or create the store below the prefix. `new_incarnation` counts only for a new one.

        A cluster without a majority will do, if the store is there: then only stale reads are answered.
        """
        store = cls(options)
        try:
            await store._open(new_incarnation)
        except BaseException:
            await store.close()
            raise
        return store

    @property
    def incarnation(self) -> int:
        return self._incarnation

    def campaign(self, election: str, candidate: str) -> AbstractAsyncContextManager[Leadership]:
        return campaign(self, election, candidate)

    async def raise_incarnation(self, to: int) -> None:
        key = self.keys.incarnation
        found = await self.read(key, stale=False)
        present = _incarnation(found.value) if found is not None else self._incarnation
        if to <= present:
            raise Conflict(f"the store's incarnation is {present} already: {to} is not higher")
        before = found.mod_revision if found is not None else ABSENT
        request = pb.TxnRequest(compare=[is_at(key, before)], success=[put(key, str(to).encode(), 0)])
        response = await self.client.call(TXN, request)
        if not response.succeeded:
            raise Conflict("the store's incarnation is being changed by somebody else: look what is going on")
        self._incarnation, self.opened = to, response.header.revision

    async def close(self) -> None:
        await self.client.close()

    async def _open(self, new_incarnation: int) -> None:
        try:
            found = await self.read(self.keys.incarnation, stale=False)
            if found is None:
                found = await self._create(new_incarnation)
        except StoreUnavailable:
            found = await self.read(self.keys.incarnation, stale=True)
            if found is None:
                raise
        self.created, self.opened = found.create_revision, found.mod_revision
        self._incarnation = _incarnation(found.value)

    async def _create(self, incarnation: int) -> pb.KeyValue:
        """Whoever comes first; all others take what that one has written."""
        key = self.keys.incarnation
        request = pb.TxnRequest(compare=[is_at(key, ABSENT)], success=[put(key, str(incarnation).encode(), 0)])
        await self.client.call(TXN, request)
        found = await self.read(key, stale=False)
        if found is None:
            raise StoreUnavailable("the store in etcd was removed while it was opened")
        return found


def _incarnation(value: bytes) -> int:
    try:
        return int(value)
    except ValueError:
        raise StoreUnavailable("what lies in etcd below this prefix is not a store of ours: choose another") from None
