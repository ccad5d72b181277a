"""The Backup call: one at a time, as fast as its reader takes it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TypeAlias

import grpc

from gslb.api.v1 import admin_pb2 as pb
from gslb.coordinator.backup.taking import Backups
from gslb.coordinator.refusals import RpcRefused
from gslb.coordinator.relay.streams import write

BackupStream: TypeAlias = "grpc.aio.ServicerContext[pb.BackupRequest, pb.BackupResponse]"


class BackupCall:
    def __init__(self, backups: Backups) -> None:
        self._backups = backups
        self._one_at_a_time = asyncio.Lock()

    async def __call__(self, stream: BackupStream) -> None:
        if self._one_at_a_time.locked():
            raise RpcRefused(grpc.StatusCode.RESOURCE_EXHAUSTED, "a backup is being taken: try again when it is done")
        async with self._one_at_a_time, aclosing(self._backups.take()) as parts:
            async for part in parts:
                await write(stream, pb.BackupResponse(content=part))
