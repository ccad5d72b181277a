"""The coordinator's gRPC server: its services, health by service name, and reflection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

from grpc_health.v1 import health
from grpc_health.v1.health_pb2 import HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server as add_grpc_health
from grpc_reflection.v1alpha import reflection

from gslb.api.v1 import admin_pb2, discovery_pb2, health_pb2, peering_pb2
from gslb.api.v1.admin_pb2_grpc import AdminServicer, add_AdminServicer_to_server
from gslb.api.v1.discovery_pb2_grpc import DiscoveryServicer, add_DiscoveryServicer_to_server
from gslb.api.v1.health_pb2_grpc import HealthServicer, add_HealthServicer_to_server
from gslb.api.v1.peering_pb2_grpc import PeeringServicer, add_PeeringServicer_to_server
from gslb.coordinator.admin.service import AdminService
from gslb.coordinator.door import Door
from gslb.coordinator.peers.peering import PeeringService
from gslb.coordinator.refusals import Refusals
from gslb.coordinator.relay.discovery import DiscoveryService
from gslb.coordinator.relay.health import HealthService
from gslb.core.errors import GslbError
from gslb.runtime import rpc
from gslb.runtime.addresses import SocketAddress
from gslb.runtime.tls import Security

STOP_GRACE_S = 0.3
"""What unary calls have to end when the coordinator stops; streams do not end by themselves."""

_NAMES = tuple(
    file.DESCRIPTOR.services_by_name[name].full_name
    for file, name in (
        (admin_pb2, "Admin"),
        (discovery_pb2, "Discovery"),
        (health_pb2, "Health"),
        (peering_pb2, "Peering"),
    )
)


class CannotListen(GslbError):
    """The address is taken, or not one of this machine."""

    code = "cannot-listen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    admin: AdminService
    discovery: DiscoveryService
    health: HealthService
    peering: PeeringService


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """What stands before the services."""

    refusals: Refusals
    door: Door
    security: Security


@asynccontextmanager
async def serve(
    services: Services, address: SocketAddress, guards: Guards, on_handshake: Callable[[], None]
) -> AsyncIterator[int]:
    """Serve until the context ends; yields the port. Raises CannotListen; what `Security` raises."""
    server = rpc.server(guards.refusals, guards.door)
    # The generated base classes want iterators returned; coroutines that read and write the stream are as good.
    add_AdminServicer_to_server(cast("AdminServicer", services.admin), server)
    add_DiscoveryServicer_to_server(cast("DiscoveryServicer", services.discovery), server)
    add_HealthServicer_to_server(cast("HealthServicer", services.health), server)
    add_PeeringServicer_to_server(cast("PeeringServicer", services.peering), server)
    checks = health.aio.HealthServicer()
    add_grpc_health(checks, server)
    reflection.enable_server_reflection((*_NAMES, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    try:
        port = rpc.listen(server, address, guards.security, on_handshake)
    except RuntimeError as error:
        raise CannotListen(f"cannot listen on {address}: it is taken, or no address of this machine") from error
    for name in _NAMES:
        await checks.set(name, HealthCheckResponse.SERVING)
    await server.start()
    try:
        yield port
    finally:
        await checks.enter_graceful_shutdown()
        await server.stop(STOP_GRACE_S)
