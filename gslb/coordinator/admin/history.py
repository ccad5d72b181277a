"""What was applied before: the list, one of them as it was, and what changed between two."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from itertools import islice

import grpc

from gslb.api.v1 import admin_pb2 as pb
from gslb.config import BundleSource, ConfigErrors, load
from gslb.coordinator.configuration.contents import Contents, Files
from gslb.coordinator.configuration.differences import (
    Difference,
    DifferenceKind,
    compare,
    compare_access,
    compare_databases,
    compare_serials,
)
from gslb.coordinator.configuration.history import Record
from gslb.coordinator.configuration.keeper import Configuration
from gslb.coordinator.refusals import NO_CONFIGURATION, RpcRefused, not_found
from gslb.core.model import Model

MAX_LISTED = 100
MAX_CHANGES = 1_000
MAX_DETAIL_CHARACTERS = 300

_KINDS = {
    DifferenceKind.ADDED: pb.ConfigChange.KIND_ADDED,
    DifferenceKind.REMOVED: pb.ConfigChange.KIND_REMOVED,
    DifferenceKind.CHANGED: pb.ConfigChange.KIND_CHANGED,
}


class HistoryCalls:
    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._one_at_a_time = asyncio.Lock()

    async def kept(self, revision: int) -> Record:
        """0 = the one in force. NOT_FOUND says which there are."""
        record = await self._configuration.record(revision)
        if record is None:
            raise not_found(await self._missing(revision) if revision else NO_CONFIGURATION)
        return record

    async def list(self, request: pb.ListConfigsRequest) -> pb.ListConfigsResponse:
        in_force = await self._configuration.record(0)
        page = await self._configuration.page(min(request.limit or MAX_LISTED, MAX_LISTED), request.before)
        return pb.ListConfigsResponse(
            configs=map(_summarise, page.records), in_force=in_force.revision if in_force else 0, more=page.more
        )

    async def diff(self, request: pb.DiffConfigsRequest) -> pb.DiffConfigsResponse:
        """One at a time: it reads two configurations, which may be large."""
        after = await self.kept(request.after)
        before = await self._before(after, request.before)
        async with self._one_at_a_time:
            old = None if before is None else await self._model(before)
            new = await self._model(after)
            changes = await asyncio.to_thread(_differences, old, new, before, after)
        return pb.DiffConfigsResponse(
            before=before.revision if before else 0,
            after=after.revision,
            changes=map(_dump_change, islice(changes, MAX_CHANGES)),
            more=max(0, len(changes) - MAX_CHANGES),
        )

    async def _before(self, after: Record, revision: int) -> Record | None:
        """The one to compare with; None: nothing came before the very first."""
        if not revision and after.revision == 1:
            return None
        return await self.kept(revision or after.revision - 1)

    async def _model(self, record: Record) -> Model:
        async with self._configuration.recalled(record) as contents:
            return await asyncio.to_thread(_load, record, contents)

    async def _missing(self, revision: int) -> str:
        page = await self._configuration.page(MAX_LISTED, 0)
        if not page.records:
            return NO_CONFIGURATION
        newest, oldest = page.records[0].revision, page.records[-1].revision
        kept = f"at least {oldest} to {newest} are" if page.more else f"{oldest} to {newest} are"
        return f"configuration {revision} is not kept: {kept}, see `gslb history`"


def _load(record: Record, contents: Contents) -> Model:
    try:
        return load(BundleSource(Files(record.files, contents)), record.files[0].path).model
    except ConfigErrors as errors:
        raise RpcRefused(
            grpc.StatusCode.FAILED_PRECONDITION,
            f"configuration {record.revision} cannot be read by this version: {errors.problems[0]}",
        ) from errors


def _differences(old: Model | None, new: Model, before: Record | None, after: Record) -> list[Difference]:
    found = [
        *compare(old, new),
        *compare_serials(before.serials if before else (), after.serials),
        *compare_access(before.access if before else (), after.access),
        *compare_databases(_databases(old, before), _databases(new, after)),
    ]
    return sorted(found, key=lambda one: (one.what, one.name))


def _databases(model: Model | None, record: Record | None) -> Mapping[str, bytes]:
    paths = model.geo.databases if model else ()
    return {file.path: file.sha256 for file in (record.files if record else ()) if file.path in paths}


def _summarise(record: Record) -> pb.ConfigRevision:
    return pb.ConfigRevision(
        revision=record.revision,
        author=record.author,
        message=record.message,
        applied_unix_s=record.applied_unix_s,
        version=record.program,
        files=len(record.files),
        size_bytes=sum(file.size_bytes for file in record.files),
    )


def dump_record(record: Record) -> pb.GetConfigResponse:
    return pb.GetConfigResponse(
        revision=record.revision,
        author=record.author,
        message=record.message,
        applied_unix_s=record.applied_unix_s,
        files=[
            pb.ConfigFile(path=file.path, sha256=file.sha256, size_bytes=file.size_bytes, text=file.text or "")
            for file in record.files
        ],
    )


def _dump_change(change: Difference) -> pb.ConfigChange:
    return pb.ConfigChange(
        kind=_KINDS[change.kind],
        what=change.what,
        name=change.name,
        detail=change.detail[:MAX_DETAIL_CHARACTERS],
    )
