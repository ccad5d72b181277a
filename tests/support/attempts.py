"""What somebody with a certificate may try at a coordinator: one function a call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import grpc
import pytest
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub
from support.coordinators import DEADLINE_S, make_offer, to_the_end

from gslb.api.v1 import admin_pb2, discovery_pb2, facts_pb2, health_pb2, peering_pb2
from gslb.api.v1.admin_pb2_grpc import AdminStub
from gslb.api.v1.discovery_pb2_grpc import DiscoveryStub
from gslb.api.v1.health_pb2_grpc import HealthStub
from gslb.api.v1.peering_pb2_grpc import PeeringStub

Try = Callable[[grpc.aio.Channel], Awaitable[object]]
POOL = facts_pb2.Scope(kind=facts_pb2.SCOPE_KIND_POOL, name="web-us")


async def refused(attempt: Try, channel: grpc.aio.Channel) -> tuple[grpc.aio.AioRpcError, int]:
    """How it ends, and how often it was tried.

    gRPC loses the reason where the server ends a call before the client has written its first message.
    """
    for tries in range(1, 20):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await attempt(channel)
        if error.value.code() is not grpc.StatusCode.INTERNAL:
            return error.value, tries
    raise AssertionError("gRPC says nothing of why it ends")


def exchange(hello: str, report: str | None = None) -> Try:
    async def attempt(channel: grpc.aio.Channel) -> None:
        call = HealthStub(channel).Exchange(timeout=DEADLINE_S)
        await call.write(health_pb2.ExchangeRequest(hello=health_pb2.AgentHello(agent=hello, boot=1, version="t")))
        if report is not None:
            message = facts_pb2.Report(agent=report, boot=1, sequence=1, layout=bytes(8), states=b"\1")
            await call.write(health_pb2.ExchangeRequest(report=message))
        await to_the_end(call)

    return attempt


def subscribe(name: str) -> Try:
    async def attempt(channel: grpc.aio.Channel) -> None:
        call = DiscoveryStub(channel).Subscribe(timeout=DEADLINE_S)
        await call.write(discovery_pb2.SubscribeRequest(hello=discovery_pb2.DnsHello(name=name)))
        await to_the_end(call)

    return attempt


def listen(name: str) -> Try:
    async def attempt(channel: grpc.aio.Channel) -> None:
        call = PeeringStub(channel).Listen(timeout=DEADLINE_S)
        await call.write(peering_pb2.ListenRequest(hello=peering_pb2.PeerHello(name=name)))
        await to_the_end(call)

    return attempt


async def apply(channel: grpc.aio.Channel) -> None:
    call = AdminStub(channel).Apply(timeout=DEADLINE_S)
    await call.write(admin_pb2.ApplyRequest(offer=make_offer({"gslb.yaml": b""})))
    await to_the_end(call)


async def look(channel: grpc.aio.Channel) -> admin_pb2.GetStatusResponse:
    return await AdminStub(channel).GetStatus(admin_pb2.GetStatusRequest(), timeout=DEADLINE_S)


async def drain(channel: grpc.aio.Channel, why: str = "") -> None:
    request = admin_pb2.SetOverrideRequest(scope=POOL, action=facts_pb2.OVERRIDE_ACTION_DRAIN, why=why)
    await AdminStub(channel).SetOverride(request, timeout=DEADLINE_S)


async def failback(channel: grpc.aio.Channel) -> None:
    await AdminStub(channel).Failback(admin_pb2.FailbackRequest(scopes=[POOL]), timeout=DEADLINE_S)


async def forget(channel: grpc.aio.Channel) -> None:
    await AdminStub(channel).ForgetAgent(admin_pb2.ForgetAgentRequest(agent="us/a1"), timeout=DEADLINE_S)


async def reflect(channel: grpc.aio.Channel) -> None:
    call = ServerReflectionStub(channel).ServerReflectionInfo(timeout=DEADLINE_S)
    await call.write(ServerReflectionRequest(list_services=""))
    if await call.read() is grpc.aio.EOF:
        raise grpc.aio.AioRpcError(await call.code(), grpc.aio.Metadata(), grpc.aio.Metadata(), await call.details())


async def clear(channel: grpc.aio.Channel) -> None:
    await AdminStub(channel).ClearOverride(admin_pb2.ClearOverrideRequest(scope=POOL), timeout=DEADLINE_S)


async def roll_back(channel: grpc.aio.Channel) -> None:
    await AdminStub(channel).Rollback(admin_pb2.RollbackRequest(revision=1), timeout=DEADLINE_S)


async def release(channel: grpc.aio.Channel) -> None:
    await AdminStub(channel).EndRollout(admin_pb2.EndRolloutRequest(revision=1, release=True), timeout=DEADLINE_S)


async def copy(channel: grpc.aio.Channel) -> None:
    async for _ in AdminStub(channel).Backup(admin_pb2.BackupRequest(), timeout=DEADLINE_S):
        pass


async def audit(channel: grpc.aio.Channel) -> admin_pb2.GetAuditResponse:
    return await AdminStub(channel).GetAudit(admin_pb2.GetAuditRequest(), timeout=DEADLINE_S)
