"""What the store says is in force or on trial, brought to the hub: as it was compiled, or compiled again."""

from __future__ import annotations

import asyncio

from gslb.config import ConfigErrors
from gslb.coordinator.configuration.compiling import CompiledOtherwise, rebuild, recall
from gslb.coordinator.configuration.contents import Contents, texts
from gslb.coordinator.configuration.geography import Geography
from gslb.coordinator.configuration.history import Current, Record, inputs_of
from gslb.coordinator.configuration.inputs import Inputs
from gslb.coordinator.relay.hub import Candidate, Hub
from gslb.coordinator.relay.publication import Publication
from gslb.core.errors import InvalidSnapshot
from gslb.core.identity.access import Grant
from gslb.core.rollout import Rollout, Stage
from gslb.runtime.garbage import building
from gslb.runtime.logs import get_logger
from gslb.store.blobs import Blobs, MissingBlob


class Force:
    """`inputs`: as durable as the store. `compiled`: what can be made again.

    `broken`: why the configuration in the store does not serve, '' when it does. `grants`: what the one in force lets
    operators do, and `inputs_in_force`: its large inputs. `rollout`: of the newest one; None: none was applied yet.
    """

    def __init__(self, incarnation: int, inputs: Inputs, compiled: Blobs, geography: Geography, hub: Hub) -> None:
        self._incarnation = incarnation
        self._inputs = inputs
        self._compiled = compiled
        self._geography = geography
        self._hub = hub
        self._log = get_logger("coordinator")
        self._broken = ""
        self.grants: tuple[Grant, ...] = ()
        self.rollout: Rollout | None = None
        self.inputs_in_force: frozenset[bytes] | None = None

    @property
    def broken(self) -> str:
        return self._broken

    def has(self, record: Record) -> bool:
        """Whether it is the newest here too."""
        return self._hub.newest_order.config == record.revision

    async def catch_up(self, current: Current, *, stale: bool) -> None:
        """Publish what is newer than what is known here: after a start, or a commit whose outcome was not known."""
        record = current.record
        if record is not None and record.revision > self._hub.order.config:
            publication = await self._found(record, stale=stale)
            if publication is not None:
                self._publish(publication, record)
        await self._catch_up_trial(current, stale=stale)
        self.rollout = current.rollout

    def take(self, publication: Publication, record: Record, rollout: Rollout) -> None:
        """What the store has acknowledged."""
        if rollout.stage is Stage.TRIAL:
            self._hub.stage(Candidate(publication=publication, first=rollout.first))
        else:
            self._publish(publication, record)
        self.rollout = rollout

    def write_compiled(self, publication: Publication) -> None:
        """Blocking."""
        for content in publication.bundle.chunks.values():
            self._compiled.put(content)
        present = self._hub.publication
        self._compiled.keep_only({*publication.bundle.chunks, *(present.bundle.chunks if present else ())})

    def _publish(self, publication: Publication, record: Record) -> None:
        self._hub.publish(publication)
        self.grants = record.access
        self._broken = ""
        self.inputs_in_force = frozenset(inputs_of(record))

    async def _catch_up_trial(self, current: Current, *, stale: bool) -> None:
        record, rollout = current.candidate, current.rollout
        if record is None or rollout is None:
            if self._hub.candidate is not None:
                self._hub.stage(None)
        elif record.revision > self._hub.newest_order.config:
            publication = await self._found(record, stale=stale)
            if publication is not None:
                self._hub.stage(Candidate(publication=publication, first=rollout.first))

    async def _found(self, record: Record, *, stale: bool) -> Publication | None:
        """The publication of a record; None, and it is said why, if it cannot be had."""
        candidate = self._hub.candidate
        if candidate is not None and candidate.publication.snapshot.order.config == record.revision:
            return candidate.publication
        try:
            await self._inputs.fetch(record, stale=stale)
            return await asyncio.to_thread(self._recalled, record)
        except (ConfigErrors, CompiledOtherwise, InvalidSnapshot, MissingBlob) as error:
            self._broken = f"configuration {record.revision} in the store cannot be used, apply another: {error}"
            self._log.error("stored configuration cannot be used", revision=record.revision, reason=str(error))
            return None

    @building()
    def _recalled(self, record: Record) -> Publication:
        """As compiled when it was applied; compiled again where that is gone, or of another version."""
        publication = recall(record, self._incarnation, self._compiled)
        if publication is None:
            contents = Contents(record.files, texts(record), self._inputs.local)
            publication = rebuild(record, self._incarnation, contents, self._geography)
            self.write_compiled(publication)
        return publication
