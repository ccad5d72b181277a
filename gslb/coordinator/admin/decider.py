"""The coordinator's own decision, for status, explain and the comparison with dns servers'; never in a report's way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from gslb.coordinator.refusals import not_configured
from gslb.coordinator.relay.hub import Hub
from gslb.coordinator.relay.publication import Publication
from gslb.core.decision import Decision
from gslb.core.directives import Directives
from gslb.core.facts import Facts
from gslb.core.order import Order
from gslb.core.silence import Silence
from gslb.core.snapshot import Snapshot
from gslb.core.steering.decide import changed_endpoints, changed_latches, decide


@dataclass(frozen=True, slots=True, kw_only=True)
class Concluded:
    """A decision with all that it follows from."""

    order: Order
    publication: Publication
    directives: Directives
    facts: Facts
    silent: Silence
    decision: Decision

    @property
    def snapshot(self) -> Snapshot:
        return self.publication.snapshot


class Decider:
    """Computed when asked for, by one at a time, and only as far as something changed since.

    `which`: by what configuration; None: by the one in force.
    """

    def __init__(self, hub: Hub, which: Callable[[], Publication | None] | None = None) -> None:
        self._hub = hub
        self._which = which or (lambda: hub.publication)
        self._last: Concluded | None = None
        self._one_at_a_time = asyncio.Lock()

    async def conclude(self) -> Concluded | None:
        """The decision that follows from what the hub knows now; None before any configuration."""
        async with self._one_at_a_time:
            publication = self._which()
            if publication is None:
                self._last = None
                return None
            self._last = await asyncio.to_thread(
                _conclude,
                replace(self._hub.order, config=publication.snapshot.order.config),
                publication,
                self._hub.directives,
                self._hub.facts,
                self._hub.presence.silence(publication.snapshot.model),
                self._last,
            )
            return self._last

    async def concluded(self) -> Concluded:
        """The same where there must be one. Raises RpcRefused."""
        concluded = await self.conclude()
        if concluded is None:
            raise not_configured()
        return concluded


def _conclude(
    order: Order,
    publication: Publication,
    directives: Directives,
    facts: Facts,
    silent: Silence,
    last: Concluded | None,
) -> Concluded:
    previous, dirty, snapshot = None, None, publication.snapshot
    if last is not None and last.snapshot is snapshot:
        latched = changed_latches(snapshot, last.directives, directives)
        if latched is not None:
            previous = last.decision
            dirty = latched | changed_endpoints(snapshot, last.facts, facts, last.silent, silent)
    return Concluded(
        order=order,
        publication=publication,
        directives=directives,
        facts=facts,
        silent=silent,
        decision=decide(snapshot, directives, facts, silent, previous, dirty),
    )
