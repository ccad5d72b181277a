"""What a dns server or another coordinator is yet to be told: only the newest of each kind, so a slow one costs little.

Facts are registers, a manifest and directives replace earlier ones: what was overtaken while the stream was busy need
not be sent. Reports leave first, because failover waits for them; chunks leave last, one at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from gslb.api.v1 import discovery_pb2 as pb
from gslb.api.v1.facts_pb2 import Coordinators, Envelope
from gslb.codec.facts import dump_report
from gslb.core.facts import AgentId, Report

FACTS_BYTES = 512 * 1024
"""About how much one FactsUpdate carries at most; a single register may be larger."""


class Outbox:
    """`reader`: the name of the dns server that it is for."""

    def __init__(self, reader: str = "") -> None:
        self.reader = reader
        self._reports: dict[AgentId, Report] = {}
        self._directives: Envelope | None = None
        self._manifest: Envelope | None = None
        self._beat: pb.Beat | None = None
        self._coordinators: Coordinators | None = None
        self._chunks: dict[bytes, bytes] = {}
        self._filled = asyncio.Event()

    def reports(self, reports: Iterable[Report]) -> None:
        self._reports.update((report.agent, report) for report in reports)
        self._filled.set()

    def directives(self, envelope: Envelope) -> None:
        self._directives = envelope
        self._filled.set()

    def manifest(self, envelope: Envelope) -> None:
        self._manifest = envelope
        self._filled.set()

    def beat(self, beat: pb.Beat) -> None:
        self._beat = beat
        self._filled.set()

    def coordinators(self, coordinators: Coordinators) -> None:
        self._coordinators = coordinators
        self._filled.set()

    def chunks(self, contents: Mapping[bytes, bytes]) -> None:
        """By digest; asking twice sends once."""
        self._chunks.update(contents)
        self._filled.set()

    async def next(self) -> pb.SubscribeResponse:
        """The next message to send, as soon as there is one."""
        while True:
            message = self.pop()
            if message is not None:
                return message
            self._filled.clear()
            await self._filled.wait()

    def pop(self) -> pb.SubscribeResponse | None:
        """The next message to send, None when all is told."""
        if self._reports:
            return pb.SubscribeResponse(facts=self._pop_reports())
        if self._directives is not None:
            envelope, self._directives = self._directives, None
            return pb.SubscribeResponse(directives=envelope)
        if self._manifest is not None:
            envelope, self._manifest = self._manifest, None
            return pb.SubscribeResponse(manifest=envelope)
        if self._beat is not None:
            beat, self._beat = self._beat, None
            return pb.SubscribeResponse(beat=beat)
        if self._coordinators is not None:
            coordinators, self._coordinators = self._coordinators, None
            return pb.SubscribeResponse(coordinators=coordinators)
        if self._chunks:
            digest = next(iter(self._chunks))
            return pb.SubscribeResponse(chunk=pb.ChunkBytes(digest=digest, content=self._chunks.pop(digest)))
        return None

    def _pop_reports(self) -> pb.FactsUpdate:
        update, size = pb.FactsUpdate(), 0
        while self._reports and size < FACTS_BYTES:
            report = self._reports.pop(next(iter(self._reports)))
            update.reports.append(dump_report(report))
            size += len(report.states)
        return update
