"""The configuration in force and the only way to another: build, commit by compare-and-swap, then publish.

One apply at a time. Once begun it runs to its end even if the caller is gone, so that whatever the store acknowledged
is published; nothing is published that it has not.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from types import MappingProxyType

import grpc

from gslb.config import Problem
from gslb.coordinator.audit.entry import Note
from gslb.coordinator.configuration.compiling import Built, Change, build
from gslb.coordinator.configuration.contents import Contents, texts
from gslb.coordinator.configuration.force import Force
from gslb.coordinator.configuration.geography import Geography
from gslb.coordinator.configuration.history import Current, File, History, Page, Record, inputs_of
from gslb.coordinator.configuration.inputs import Inputs
from gslb.coordinator.configuration.offer import End, Offer, Outcome, check_expected, check_no_trial, is_same
from gslb.coordinator.configuration.retention import DEFAULT_LIMITS, Limits
from gslb.coordinator.refusals import RpcRefused
from gslb.coordinator.relay.hub import Hub
from gslb.coordinator.taken_back import check_not_taken_back
from gslb.core.errors import Conflict, GslbError
from gslb.core.identity.access import Grant
from gslb.core.order import Order
from gslb.core.rollout import Rollout, RolloutSettings, Stage, begin, may_begin
from gslb.runtime.garbage import building
from gslb.runtime.logs import get_logger
from gslb.store.base import Store
from gslb.store.blobs import Blobs, MissingBlob

_ATTEMPTS = 3
_LOOK_S = 0.1
ITSELF = "coordinator"
"""The author of what coordinators apply by themselves."""
NO_FENCE: Mapping[str, int] = MappingProxyType({})


class Configuration:
    """`inputs`: as durable as the store. `compiled`: what can be made again. `wall_clock`: Unix seconds."""

    def __init__(
        self,
        store: Store,
        inputs: Inputs,
        compiled: Blobs,
        hub: Hub,
        wall_clock: Callable[[], int],
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self._incarnation = store.incarnation
        self._history = History(store, limits)
        self._inputs = inputs
        self._hub = hub
        self._wall_clock = wall_clock
        self._geography = Geography()
        self._force = Force(store.incarnation, inputs, compiled, self._geography, hub)
        self._one_at_a_time = asyncio.Lock()
        self._under_way: set[asyncio.Task[Outcome]] = set()
        self._offered: list[frozenset[bytes]] = []
        self._collected = 0
        self._restored = False
        """There was a configuration before this coordinator started, so dns servers may come back to it."""
        self._log = get_logger("coordinator")

    async def restore(self, *, stale: bool = False) -> None:
        """Publish what the store holds. Raises StoreUnavailable."""
        current = await self._history.current(stale=stale)
        self._restored = current.record is not None
        await self._catch_up(current, stale=stale)

    async def catch_up(self) -> None:
        """Publish what the store holds by now, if it is newer. Raises StoreUnavailable."""
        async with self._one_at_a_time:
            await self._catch_up(await self._history.current())

    @property
    def broken(self) -> str:
        """Why the configuration in the store does not serve; '' when it does."""
        return self._force.broken

    @property
    def grants(self) -> tuple[Grant, ...]:
        """What the configuration in force lets operators do."""
        return self._force.grants

    @property
    def rollout(self) -> Rollout | None:
        """Of the newest configuration; None: none was applied yet."""
        return self._force.rollout

    async def record(self, revision: int) -> Record | None:
        """A configuration that is still kept; 0 = the one in force."""
        return await self._history.get(revision) if revision else (await self._history.current()).record

    async def page(self, limit: int, before: int) -> Page:
        """Configurations that are still kept, the newest first: up to `limit` below the revision `before` (0: all)."""
        return await self._history.page(limit, before)

    @asynccontextmanager
    async def recalled(self, record: Record) -> AsyncIterator[Contents]:
        """The contents of a configuration that is kept, while the context lasts. Raises StoreUnavailable."""
        with self.offered(record.files, texts(record)) as contents:
            with suppress(MissingBlob):
                await self._inputs.fetch(record, stale=False)
            yield contents

    @contextmanager
    def offered(self, files: tuple[File, ...], known: Mapping[bytes, bytes]) -> Iterator[Contents]:
        """Where the files' contents come together, while the context lasts; those in `known` need not be sent."""
        digests = frozenset(file.sha256 for file in files)
        contents = Contents(files, known, self._inputs.local)
        self._offered.append(digests)
        try:
            yield contents
        finally:
            self._offered.remove(digests)
            contents.discard()

    async def apply(self, offer: Offer, contents: Contents) -> Outcome:
        """Raises ConfigErrors, RpcRefused, Conflict, StoreUnavailable, MissingBlob, and then nothing has changed."""
        if not (offer.now or offer.dry_run):
            await self._until_dns_servers_are_known()
        return await self._to_the_end(self._apply(offer, contents))

    async def release(self, end: End, fence: Mapping[str, int] = NO_FENCE) -> Outcome:
        """Put what is on trial in force everywhere. Raises RpcRefused, Conflict, StoreUnavailable."""
        return await self._to_the_end(self._release_now(end, fence))

    async def roll_back(self, end: End, fence: Mapping[str, int] = NO_FENCE) -> Outcome:
        """Put what is in force into the place of what is on trial, under a higher number. Raises as `apply`."""
        return await self._to_the_end(self._roll_back_now(end, fence))

    async def _to_the_end(self, change: Coroutine[object, object, Outcome]) -> Outcome:
        """Even if the caller is gone by then."""
        task = asyncio.create_task(change)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def _apply(self, offer: Offer, contents: Contents) -> Outcome:
        async with self._one_at_a_time:
            for _ in range(_ATTEMPTS):
                with suppress(Conflict):  # another coordinator was first: see what is in force now
                    return await self._apply_after(await self._history.current(), offer, contents)
        raise Conflict("others are applying configurations all the time: try again")

    async def _apply_after(self, current: Current, offer: Offer, contents: Contents) -> Outcome:
        newest = current.newest
        stored = newest.revision if newest is not None else 0
        check_not_taken_back("configuration", stored=stored, in_force=self._hub.newest_order.config)
        check_expected(offer, current)
        await self._catch_up(current)
        if newest is not None and self._force.has(newest) and is_same(newest, offer.files):
            if current.candidate is not None and offer.now and not offer.dry_run:
                await self._release(current, End(newest.revision, offer.note, offer.author), NO_FENCE)
            return self._outcome(newest, unchanged=True)
        if not (offer.now or offer.dry_run):
            check_no_trial(current)
        built = await asyncio.to_thread(self._build, offer, contents, current)
        if not offer.dry_run:
            await self._commit(built, contents, current, offer.note, self._begin(built, current, now=offer.now))
        return self._outcome(built.record, warnings=built.warnings)

    async def _release_now(self, end: End, fence: Mapping[str, int]) -> Outcome:
        async with self._one_at_a_time:
            current = await self._on_trial(end.revision)
            return await self._release(current, end, fence)

    async def _release(self, current: Current, end: End, fence: Mapping[str, int]) -> Outcome:
        rollout, record = current.rollout, current.candidate
        assert rollout is not None  # there is one on trial
        assert record is not None
        rollout = replace(rollout, stage=Stage.RELEASED, who=end.who, reason=end.reason)
        before = self._hub.order
        entry = end.note.done(self._wall_clock(), before, replace(before, config=record.revision))
        await self._history.release(rollout, current, entry, fence)
        await self._catch_up(replace(current, record=record, candidate=None, rollout=rollout))
        return self._outcome(record)

    async def _roll_back_now(self, end: End, fence: Mapping[str, int]) -> Outcome:
        async with self._one_at_a_time:
            current = await self._on_trial(end.revision)
            record, rollout = current.record, current.rollout
            assert record is not None  # else nothing would be on trial
            assert rollout is not None
            message = f"as revision {record.revision}: {end.revision} is rolled back"
            async with self.recalled(record) as contents:
                offer = Offer(files=record.files, author=end.who or ITSELF, message=message, note=end.note, now=True)
                built = await asyncio.to_thread(self._build, offer, contents, current)
                rollout = replace(rollout, stage=Stage.ROLLED_BACK, who=end.who, reason=end.reason)
                await self._commit(built, contents, current, end.note, rollout, fence)
            return self._outcome(built.record)

    async def _on_trial(self, revision: int) -> Current:
        """FAILED_PRECONDITION if it is not this configuration that is."""
        current = await self._history.current()
        await self._catch_up(current)
        if current.candidate is None or current.candidate.revision != revision:
            raise RpcRefused(grpc.StatusCode.FAILED_PRECONDITION, f"configuration {revision} is not on trial")
        return current

    async def _until_dns_servers_are_known(self) -> None:
        """After a start it takes a while until they come back; for so long nobody concludes that there are none."""
        while self._restored and self._hub.presence.is_settling:
            if may_begin(self._hub.dns_servers.connected()):
                return
            await asyncio.sleep(_LOOK_S)

    def _begin(self, built: Built, current: Current, *, now: bool) -> Rollout:
        """The very first has nothing that it could endanger."""
        settings = RolloutSettings(soak_s=0) if now or current.record is None else built.rollout
        return begin(built.record.revision, settings, self._hub.dns_servers.connected())

    def _outcome(self, record: Record, *, unchanged: bool = False, warnings: tuple[Problem, ...] = ()) -> Outcome:
        order = Order(self._incarnation, record.revision, self._hub.directives.revision)
        return Outcome(order=order, unchanged=unchanged, warnings=warnings)

    async def _catch_up(self, current: Current, *, stale: bool = False) -> None:
        before = self._force.inputs_in_force
        await self._force.catch_up(current, stale=stale)
        if not stale and before != self._force.inputs_in_force:
            await self._collect()

    @building()
    def _build(self, offer: Offer, contents: Contents, current: Current) -> Built:
        publication = self._hub.newest
        change = Change(
            files=offer.files,
            author=offer.author,
            message=offer.message,
            incarnation=self._incarnation,
            now_unix_s=self._wall_clock(),
            seed=secrets.randbits(64),
            record=current.newest,
            previous=publication.snapshot if publication else None,
        )
        return build(change, contents, self._geography)

    async def _commit(
        self,
        built: Built,
        contents: Contents,
        current: Current,
        note: Note,
        rollout: Rollout,
        fence: Mapping[str, int] = NO_FENCE,
    ) -> None:
        await asyncio.to_thread(self._write_blobs, built, contents)
        before = self._hub.order
        entry = note.done(self._wall_clock(), before, replace(before, config=built.record.revision))
        relied_on = {**fence, **await self._inputs.share(built.record)}
        leaves = await self._history.append(built.record, rollout, current, entry, relied_on)
        self._force.take(built.publication, built.record, rollout)
        revision, author = built.record.revision, built.record.author
        self._log.info("configuration applied", revision=revision, author=author, stage=rollout.stage)
        if leaves or current.record is None:
            await self._collect()

    def _write_blobs(self, built: Built, contents: Contents) -> None:
        for digest in inputs_of(built.record):
            contents.keep(digest)
        if built.earlier:
            self._inputs.local.put(built.earlier)
        self._force.write_compiled(built.publication)

    async def collect_shared(self, fence: Mapping[str, int]) -> None:
        """Remove inputs from the store that no kept record names, if there were applies since the last time.

        As the leader with this fence; what fails is tried another time.
        """
        revision = self._hub.order.config
        if revision == self._collected:
            return
        try:
            if await self._inputs.has_shared():
                fence = {**fence, **await self._history.fence()}  # of others, whose commits name what we would remove
                await self._inputs.share_only(await self._history.blobs(), fence)
            self._collected = revision
        except GslbError as error:
            self._log.warning("old inputs stay in the store", reason=str(error))

    async def _collect(self) -> None:
        """Delete inputs here that neither a kept record nor an offer under way names."""
        try:
            named = await self._history.blobs()
            await self._inputs.keep_only(named.union(*self._offered))
        except (GslbError, OSError) as error:
            self._log.warning("old inputs stay", reason=str(error))
