"""The server around the services: health and reflection, metrics, and errors that nobody foresaw."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub
from structlog.testing import capture_logs
from support.coordinators import DEADLINE_S, Running, coordinator

from gslb.api.v1 import admin_pb2 as pb
from gslb.api.v1 import health_pb2
from gslb.api.v1.admin_pb2_grpc import AdminStub
from gslb.api.v1.health_pb2_grpc import HealthStub as AgentStub
from gslb.coordinator.configuration.keeper import Configuration
from gslb.coordinator.relay.hub import Hub


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with coordinator(tmp_path) as started:
        yield started


@pytest.mark.parametrize("service", ["", "gslb.api.v1.Admin", "gslb.api.v1.Discovery", "gslb.api.v1.Health"])
async def test_health_by_service(running: Running, service: str) -> None:
    answer = await HealthStub(running.channel).Check(HealthCheckRequest(service=service), timeout=DEADLINE_S)
    assert answer.status == HealthCheckResponse.SERVING


async def test_health_of_an_unknown_service(running: Running) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await HealthStub(running.channel).Check(HealthCheckRequest(service="other"), timeout=DEADLINE_S)
    assert error.value.code() is grpc.StatusCode.NOT_FOUND


async def test_reflection_lists_the_services(running: Running) -> None:
    call = ServerReflectionStub(running.channel).ServerReflectionInfo(timeout=DEADLINE_S)
    await call.write(ServerReflectionRequest(list_services=""))
    names = {service.name for service in (await call.read()).list_services_response.service}
    await call.done_writing()
    assert {"gslb.api.v1.Admin", "gslb.api.v1.Discovery", "gslb.api.v1.Health", "grpc.health.v1.Health"} <= names


async def test_ready_once_there_is_a_configuration(running: Running) -> None:
    url = f"http://127.0.0.1:{running.bound.metrics_port}"
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{url}/readyz") as answer:
            assert (answer.status, await answer.text()) == (503, "no configuration has been applied yet\n")
        await running.applied()
        async with session.get(f"{url}/readyz") as answer:
            assert answer.status == 200
        async with session.get(f"{url}/livez") as answer:
            assert answer.status == 200
        async with session.get(f"{url}/metrics") as answer:
            text = await answer.text()
    assert 'gslb_coordinator_order{number="config"} 1.0' in text
    assert 'gslb_coordinator_applies_total{outcome="applied"} 1.0' in text


async def test_what_nobody_foresaw_keeps_its_details_in_the_log(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a secret detail")

    await running.applied()
    monkeypatch.setattr(Configuration, "record", fail)
    with capture_logs() as logged, pytest.raises(grpc.aio.AioRpcError) as error:
        await running.admin.GetConfig(pb.GetConfigRequest())
    assert (error.value.code(), error.value.details()) == (
        grpc.StatusCode.INTERNAL,
        "the coordinator failed at this call: its log says why",
    )
    monkeypatch.setattr(Hub, "hello", fail)
    call = AgentStub(running.channel).Exchange()
    await call.write(health_pb2.ExchangeRequest(hello=health_pb2.AgentHello(agent="us/a1", boot=1)))
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call.read()
    assert error.value.code() is grpc.StatusCode.INTERNAL
    for method in ("GetConfig", "Exchange"):
        assert running.count("refused_total", method=method, code="INTERNAL") == 1
    assert [str(event["exc_info"]) for event in logged if "exc_info" in event] == ["a secret detail"]


async def test_messages_are_limited(running: Running) -> None:
    unlimited = [("grpc.max_send_message_length", -1)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{running.bound.port}", options=unlimited) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await AdminStub(channel).Explain(pb.ExplainRequest(name="x" * 3_000_000), timeout=DEADLINE_S)
    assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
