"""Three coordinators, agent and dns servers as processes that each have a certificate: nothing is lost by that."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from support.certificates import Pki
from support.coordinators import to_the_end
from support.etcd import cluster
from support.replicas import NAMES, SERVERS, Replicas, replicas

from gslb.api.v1 import facts_pb2
from gslb.api.v1 import health_pb2 as pb
from gslb.api.v1.health_pb2_grpc import HealthStub
from gslb.core.identity.names import Kind
from gslb.runtime import rpc

OURS, THIEF = "eu/agent", "us/thief"
LIE = pb.ExchangeRequest(
    report=facts_pb2.Report(agent=OURS, boot=2**31, sequence=1, layout=bytes(8), states=b"\2" * len(SERVERS))
)
"""Above whatever the true agent says."""


async def test_failover_goes_on_without_the_leader_and_nobody_speaks_for_another_site(tmp_path: Path) -> None:
    (tmp_path / "etcd").mkdir()
    with cluster(tmp_path / "etcd", 3) as members:
        async with replicas(tmp_path, members, Pki(tmp_path / "pki")) as world:
            await world.until_whole(*NAMES)
            leader = await world.until_led("a")
            world.children.kill(leader)
            await world.lose_a_server()
            for name in NAMES:
                if name != leader:
                    await refused_for_another_site(world, name)
            assert all([await world.ask(name) == set(SERVERS) for name in world.dns_ports])


async def refused_for_another_site(world: Replicas, coordinator: str) -> None:
    """A stolen certificate of site us says that members of site eu are down: as its agent, then in its report."""
    assert await outcome(world, coordinator, hello(OURS)) is grpc.StatusCode.PERMISSION_DENIED
    assert await outcome(world, coordinator, hello(THIEF), LIE) is grpc.StatusCode.INVALID_ARGUMENT


async def outcome(world: Replicas, coordinator: str, *messages: pb.ExchangeRequest) -> grpc.StatusCode:
    """How a stream of the thief's ends."""
    async with rpc.channel(world.address(coordinator), world.security(Kind.AGENT, THIEF)) as channel:
        call = HealthStub(channel).Exchange(timeout=10)
        for message in messages:
            await call.write(message)
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await to_the_end(call)
        return ended.value.code()


def hello(agent: str) -> pb.ExchangeRequest:
    return pb.ExchangeRequest(hello=pb.AgentHello(agent=agent, boot=1, version="test"))
