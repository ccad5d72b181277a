"""The store in etcd, for installations with several coordinators.

Revisions are etcd's own, those of the whole cluster. A commit is one transaction; reads go through the members'
majority unless the caller takes a stale answer.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing

from gslb.core.errors import Conflict, StoreUnavailable
from gslb.etcdpb.v3 import etcd_pb2 as pb
from gslb.store.base import ABSENT, Compacted, Entry, Event, Listing, Scan, check_commit
from gslb.store.etcd.client import Client
from gslb.store.etcd.election import campaign
from gslb.store.etcd.keys import Keys, range_end
from gslb.store.etcd.methods import RANGE, TXN
from gslb.store.etcd.options import EtcdOptions
from gslb.store.etcd.watching import watch
from gslb.store.leadership import Leadership

_PAGE = 16
"""Keys in one answer; sixteen of the largest fit into a message."""
_PAGE_OF_KEYS = 1_000
_LIST_ATTEMPTS = 3


class EtcdStore:
    """A Store. Open with `EtcdStore.open`."""

    def __init__(self, options: EtcdOptions) -> None:
        self._client = Client(options)
        self._keys = Keys(options.prefix)
        self._incarnation = 0
        self._created = 0

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

    async def get(self, key: str, *, stale: bool = False) -> Entry | None:
        found = await self._read(self._keys.dump(key), stale=stale)
        return None if found is None else self._entry(found)

    async def list(self, prefix: str, *, stale: bool = False) -> Listing:
        for _ in range(_LIST_ATTEMPTS):
            try:
                return await self._list(self._keys.dump(prefix), stale)
            except Compacted:
                continue  # between two pages
        raise StoreUnavailable("etcd is compacted faster than it can be listed: compact it less often")

    async def scan(self, skip: Collection[str] = ()) -> Scan:
        revision = 0
        keys: list[bytes] = []
        not_wanted = tuple(map(self._keys.dump, skip))
        async with aclosing(self._pages(self._keys.dump(""), _PAGE_OF_KEYS, keys_only=True)) as pages:
            async for page in pages:
                revision = revision or page.header.revision
                keys += [found.key for found in page.kvs if not found.key.startswith(not_wanted)]
        return Scan(revision=revision, entries=self._as_of(revision, keys))

    async def commit(
        self, *, compares: Mapping[str, int], puts: Mapping[str, bytes], deletes: Collection[str] = ()
    ) -> int:
        return await self.commit_with_lease(compares=compares, puts=puts, deletes=deletes, lease=0)

    async def commit_with_lease(
        self, *, compares: Mapping[str, int], puts: Mapping[str, bytes], deletes: Collection[str], lease: int
    ) -> int:
        """A commit whose puts vanish with `lease` (0: with none)."""
        check_commit(compares, puts, deletes)
        dump = self._keys.dump
        request = pb.TxnRequest(
            compare=[_is_at(dump(key), revision) for key, revision in compares.items()],
            success=[
                *(_put(dump(key), value, lease) for key, value in puts.items()),
                *(_delete(dump(key)) for key in dict.fromkeys(deletes)),
            ],
            failure=[_look(dump(key)) for key in compares],
        )
        response = await self._client.call(TXN, request)
        if not response.succeeded:
            raise _conflict(compares, response)
        return response.header.revision

    async def watch(self, prefix: str, after_revision: int) -> AsyncGenerator[tuple[Event, ...], None]:
        start = self._keys.dump(prefix)
        after = max(after_revision, self._created)  # before that, nothing of it was ours
        async with aclosing(watch(self._client, start, range_end(start), after)) as commits:
            async for commit in commits:
                yield tuple(sorted(map(self._event, commit), key=lambda event: event.key))

    def campaign(self, election: str, candidate: str) -> AbstractAsyncContextManager[Leadership]:
        return campaign(self, self._client, election, candidate)

    async def raise_incarnation(self, to: int) -> None:
        key = self._keys.incarnation
        found = await self._read(key, stale=False)
        present = _incarnation(found.value) if found is not None else self._incarnation
        if to <= present:
            raise Conflict(f"the store's incarnation is {present} already: {to} is not higher")
        before = found.mod_revision if found is not None else ABSENT
        request = pb.TxnRequest(compare=[_is_at(key, before)], success=[_put(key, str(to).encode(), 0)])
        if not (await self._client.call(TXN, request)).succeeded:
            raise Conflict("the store's incarnation is being changed by somebody else: look what is going on")
        self._incarnation = to

    async def close(self) -> None:
        await self._client.close()

    async def revision_with(self, key: str, lease: int) -> int | None:
        """The revision of a key if it vanishes with that very lease."""
        found = await self._read(self._keys.dump(key), stale=False)
        return found.mod_revision if found is not None and found.lease == lease else None

    async def _open(self, new_incarnation: int) -> None:
        try:
            found = await self._read(self._keys.incarnation, stale=False)
            if found is None:
                found = await self._create(new_incarnation)
        except StoreUnavailable:
            found = await self._read(self._keys.incarnation, stale=True)
            if found is None:
                raise
        self._created = found.create_revision
        self._incarnation = _incarnation(found.value)

    async def _create(self, incarnation: int) -> pb.KeyValue:
        """Whoever comes first; all others take what that one has written."""
        key = self._keys.incarnation
        request = pb.TxnRequest(compare=[_is_at(key, ABSENT)], success=[_put(key, str(incarnation).encode(), 0)])
        await self._client.call(TXN, request)
        found = await self._read(key, stale=False)
        if found is None:
            raise StoreUnavailable("the store in etcd was removed while it was opened")
        return found

    async def _read(self, key: bytes, *, stale: bool) -> pb.KeyValue | None:
        response = await self._client.call(RANGE, pb.RangeRequest(key=key, serializable=stale), stale=stale)
        return response.kvs[0] if response.kvs else None

    async def _list(self, start: bytes, stale: bool) -> Listing:
        entries: list[Entry] = []
        revision = 0
        async with aclosing(self._pages(start, _PAGE, stale=stale)) as pages:
            async for page in pages:
                revision = revision or page.header.revision
                entries += map(self._entry, page.kvs)
        return Listing(entries=tuple(entries), revision=revision)

    async def _pages(
        self, start: bytes, size: int, *, stale: bool = False, keys_only: bool = False
    ) -> AsyncGenerator[pb.RangeResponse, None]:
        """What begins with `start`, page by page, all as of the first page's revision."""
        request = pb.RangeRequest(
            key=start, range_end=range_end(start), limit=size, serializable=stale, keys_only=keys_only
        )
        while True:
            response = await self._client.call(RANGE, request, stale=stale)
            request.revision = request.revision or response.header.revision
            yield response
            if not response.more:
                return
            request.key = response.kvs[-1].key + b"\0"

    async def _as_of(self, revision: int, keys: Sequence[bytes]) -> AsyncGenerator[Entry, None]:
        for key in keys:
            response = await self._client.call(RANGE, pb.RangeRequest(key=key, revision=revision))
            for found in response.kvs:
                yield self._entry(found)

    def _entry(self, found: pb.KeyValue) -> Entry:
        return Entry(key=self._keys.load(found.key), value=found.value, revision=found.mod_revision)

    def _event(self, event: pb.Event) -> Event:
        value = None if event.type == pb.Event.EVENT_TYPE_DELETE else event.kv.value
        return Event(key=self._keys.load(event.kv.key), value=value, revision=event.kv.mod_revision)


def _is_at(key: bytes, revision: int) -> pb.Compare:
    return pb.Compare(key=key, target=pb.Compare.COMPARE_TARGET_MOD, mod_revision=revision)


def _put(key: bytes, value: bytes, lease: int) -> pb.RequestOp:
    return pb.RequestOp(request_put=pb.PutRequest(key=key, value=value, lease=lease))


def _delete(key: bytes) -> pb.RequestOp:
    return pb.RequestOp(request_delete_range=pb.DeleteRangeRequest(key=key))


def _look(key: bytes) -> pb.RequestOp:
    return pb.RequestOp(request_range=pb.RangeRequest(key=key, keys_only=True))


def _conflict(compares: Mapping[str, int], response: pb.TxnResponse) -> Conflict:
    """Names the first key that was not as expected."""
    for (key, expected), looked in zip(compares.items(), response.responses, strict=True):
        found = looked.response_range.kvs
        revision = found[0].mod_revision if found else ABSENT
        if revision != expected:
            return Conflict(f"'{key}' is at revision {revision}, not {expected}: read it again and retry")
    return Conflict("a key is not at the revision expected: read it again and retry")


def _incarnation(value: bytes) -> int:
    try:
        return int(value)
    except ValueError:
        raise StoreUnavailable("what lies in etcd below this prefix is not a store of ours: choose another") from None
