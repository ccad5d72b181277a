"""The Admin service: each call, with who calls, handed to the part that does it."""

from __future__ import annotations

from dataclasses import dataclass

from gslb.api.v1 import admin_pb2 as pb
from gslb.coordinator.admin.apply import ApplyCall, Stream
from gslb.coordinator.admin.backup import BackupCall, BackupStream
from gslb.coordinator.admin.directing import DirectingCalls
from gslb.coordinator.admin.history import HistoryCalls, dump_record
from gslb.coordinator.admin.rollout import RolloutCalls
from gslb.coordinator.admin.showing import ShowingCalls
from gslb.coordinator.audit.remarks import Remarks
from gslb.coordinator.door import Door
from gslb.coordinator.refusals import invalid
from gslb.coordinator.wrapping import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminService:
    """`door`: who calls. `remarks` takes what changed nothing."""

    door: Door
    remarks: Remarks
    apply: ApplyCall
    history: HistoryCalls
    rollout: RolloutCalls
    backup: BackupCall
    directing: DirectingCalls
    showing: ShowingCalls

    async def Apply(self, _: object, stream: Stream) -> None:
        await self.apply(stream, self.door.caller(stream))

    async def GetConfig(self, request: pb.GetConfigRequest, _: object) -> pb.GetConfigResponse:
        return dump_record(await self.history.kept(request.revision))

    async def ListConfigs(self, request: pb.ListConfigsRequest, _: object) -> pb.ListConfigsResponse:
        return await self.history.list(request)

    async def DiffConfigs(self, request: pb.DiffConfigsRequest, _: object) -> pb.DiffConfigsResponse:
        return await self.history.diff(request)

    async def Rollback(self, request: pb.RollbackRequest, context: Context) -> pb.RollbackResponse:
        if not request.revision:
            raise invalid("a rollback names the revision to go back to: `gslb history` lists them")
        return await self.apply.rollback(await self.history.kept(request.revision), request, self.door.caller(context))

    async def GetRollout(self, _: pb.GetRolloutRequest, __: object) -> pb.GetRolloutResponse:
        return pb.GetRolloutResponse(rollout=self.rollout.dump())

    async def EndRollout(self, request: pb.EndRolloutRequest, context: Context) -> pb.EndRolloutResponse:
        return await self.rollout.end(request, self.door.caller(context))

    async def Backup(self, _: pb.BackupRequest, stream: BackupStream) -> None:
        await self.backup(stream)
        self.remarks.done(self.door.caller(stream).note("backup"))

    async def GetStatus(self, _: pb.GetStatusRequest, __: object) -> pb.GetStatusResponse:
        return await self.showing.status()

    async def Explain(self, request: pb.ExplainRequest, _: object) -> pb.ExplainResponse:
        return await self.showing.explain(request)

    async def GetAudit(self, request: pb.GetAuditRequest, _: object) -> pb.GetAuditResponse:
        return await self.showing.audit(request)

    async def SetOverride(self, request: pb.SetOverrideRequest, context: Context) -> pb.SetOverrideResponse:
        return await self.directing.set_override(request, self.door.caller(context))

    async def ClearOverride(self, request: pb.ClearOverrideRequest, context: Context) -> pb.ClearOverrideResponse:
        return await self.directing.clear_override(request, self.door.caller(context))

    async def Failback(self, request: pb.FailbackRequest, context: Context) -> pb.FailbackResponse:
        return await self.directing.take_back(request, self.door.caller(context))

    async def ForgetAgent(self, request: pb.ForgetAgentRequest, context: Context) -> pb.ForgetAgentResponse:
        return await self.directing.forget(request, self.door.caller(context))
