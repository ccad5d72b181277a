"""The keys below a prefix of etcd: read, listed, watched and written in transactions.

Revisions are etcd's own, those of the whole cluster. A commit is one transaction; reads go through the members'
majority unless the caller takes a stale answer.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing

from gslb.core.errors import Conflict, GslbError, StoreUnavailable
from gslb.etcdpb.v3 import etcd_pb2 as pb
from gslb.store.base import ABSENT, Compacted, Entry, Event, Listing, Scan, check_commit
from gslb.store.etcd.client import Client
from gslb.store.etcd.keys import Keys, range_end
from gslb.store.etcd.methods import RANGE, TXN
from gslb.store.etcd.options import EtcdOptions
from gslb.store.etcd.watching import watch

_PAGE = 16
"""Keys in one answer; sixteen of the largest fit into a message."""
_PAGE_OF_KEYS = 1_000
_LIST_ATTEMPTS = 3


class Keyspace:
    """The part of a Store that entries are read and written by. `created`: no revision before it is of this store.

    `opened`: the revision of its incarnation when it was opened. Each commit compares it, so none goes into another
    store: that of a cluster which an endpoint belongs to by now, or one that was restored under our feet.
    """

    def __init__(self, options: EtcdOptions) -> None:
        self.client = Client(options)
        self.keys = Keys(options.prefix)
        self.created = 0
        self.opened = ABSENT

    async def get(self, key: str, *, stale: bool = False) -> Entry | None:
        found = await self.read(self.keys.dump(key), stale=stale)
        return None if found is None else self._entry(found)

    async def list(self, prefix: str, *, stale: bool = False) -> Listing:
        for _ in range(_LIST_ATTEMPTS):
            try:
                return await self._list(self.keys.dump(prefix), stale)
            except Compacted:
                continue  # between two pages
        raise StoreUnavailable("etcd is compacted faster than it can be listed: compact it less often")

    async def scan(self, skip: Collection[str] = ()) -> Scan:
        revision = 0
        keys: list[bytes] = []
        not_wanted = tuple(map(self.keys.dump, skip))
        async with aclosing(self._pages(self.keys.dump(""), _PAGE_OF_KEYS, keys_only=True)) as pages:
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
        dump = self.keys.dump
        expected = {self.keys.incarnation: self.opened, **{dump(key): compares[key] for key in compares}}
        request = pb.TxnRequest(
            compare=[is_at(key, revision) for key, revision in expected.items()],
            success=[
                *(put(dump(key), value, lease) for key, value in puts.items()),
                *(_delete(dump(key)) for key in dict.fromkeys(deletes)),
            ],
            failure=[_look(key) for key in expected],
        )
        response = await self.client.call(TXN, request)
        if not response.succeeded:
            raise self._refusal(expected, response)
        return response.header.revision

    async def watch(self, prefix: str, after_revision: int) -> AsyncGenerator[tuple[Event, ...], None]:
        start = self.keys.dump(prefix)
        after = max(after_revision, self.created)  # before that, nothing of it was ours
        async with aclosing(watch(self.client, start, range_end(start), after)) as commits:
            async for commit in commits:
                yield tuple(sorted(map(self._event, commit), key=lambda event: event.key))

    async def revision_with(self, key: str, lease: int) -> int | None:
        """The revision of a key if it vanishes with that very lease."""
        found = await self.read(self.keys.dump(key), stale=False)
        return found.mod_revision if found is not None and found.lease == lease else None

    async def read(self, key: bytes, *, stale: bool) -> pb.KeyValue | None:
        response = await self.client.call(RANGE, pb.RangeRequest(key=key, serializable=stale), stale=stale)
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
            response = await self.client.call(RANGE, request, stale=stale)
            request.revision = request.revision or response.header.revision
            yield response
            if not response.more:
                return
            request.key = response.kvs[-1].key + b"\0"

    async def _as_of(self, revision: int, keys: Sequence[bytes]) -> AsyncGenerator[Entry, None]:
        for key in keys:
            response = await self.client.call(RANGE, pb.RangeRequest(key=key, revision=revision))
            for found in response.kvs:
                yield self._entry(found)

    def _refusal(self, expected: Mapping[bytes, int], response: pb.TxnResponse) -> GslbError:
        """Names the first key that was not as expected."""
        for (key, revision), looked in zip(expected.items(), response.responses, strict=True):
            kvs = looked.response_range.kvs
            found = kvs[0].mod_revision if kvs else ABSENT
            if found != revision and key == self.keys.incarnation:
                return StoreUnavailable(
                    "the store in etcd is another one than was opened, restored or removed meanwhile or in another"
                    " cluster: look at --store, then restart this coordinator"
                )
            if found != revision:
                name = self.keys.load(key)
                return Conflict(f"'{name}' is at revision {found}, not {revision}: read it again and retry")
        return Conflict("a key is not at the revision expected: read it again and retry")

    def _entry(self, found: pb.KeyValue) -> Entry:
        return Entry(key=self.keys.load(found.key), value=found.value, revision=found.mod_revision)

    def _event(self, event: pb.Event) -> Event:
        value = None if event.type == pb.Event.EVENT_TYPE_DELETE else event.kv.value
        return Event(key=self.keys.load(event.kv.key), value=value, revision=event.kv.mod_revision)


def is_at(key: bytes, revision: int) -> pb.Compare:
    return pb.Compare(key=key, target=pb.Compare.COMPARE_TARGET_MOD, mod_revision=revision)


def put(key: bytes, value: bytes, lease: int) -> pb.RequestOp:
    return pb.RequestOp(request_put=pb.PutRequest(key=key, value=value, lease=lease))


def _delete(key: bytes) -> pb.RequestOp:
    return pb.RequestOp(request_delete_range=pb.DeleteRangeRequest(key=key))


def _look(key: bytes) -> pb.RequestOp:
    return pb.RequestOp(request_range=pb.RangeRequest(key=key, keys_only=True))
