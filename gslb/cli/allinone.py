"""`gslb up`: coordinator, an agent per site and a dns server in one process, with real gRPC between them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
from prometheus_client import CollectorRegistry
from watchfiles import awatch

import dns_server.main as dns
import gslb.coordinator.main as coordinator
import site_agent.main as agent
from gslb.api.v1.admin_pb2 import GetConfigRequest
from gslb.api.v1.admin_pb2_grpc import AdminStub
from gslb.cli import applying
from gslb.config import ConfigErrors, Loaded, Problem
from gslb.core.errors import GslbError
from gslb.runtime import http, rpc
from gslb.runtime.addresses import SocketAddress
from gslb.runtime.logs import get_logger
from gslb.runtime.metrics import merged_registry
from gslb.runtime.supervise import keep_running

if TYPE_CHECKING:
    from gslb.api.v1.admin_pb2_grpc import AdminAsyncStub

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`config`: the file to put in force. `watch`: apply it again whenever it, or what it names, changes."""

    config: Path
    listen: tuple[SocketAddress, ...]
    admin: SocketAddress
    metrics: SocketAddress | None
    data: Path
    watch: bool
    engine: str


class CannotStart(GslbError):
    """There is no right configuration: neither the file nor an earlier one in the store."""

    code = "cannot-start"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("the configuration is wrong and there is no earlier one to serve")
        self.problems = problems


@dataclass(slots=True)
class _Parts:
    """The running parts; every one is started again if it ends, and shows its metrics on the common page."""

    options: Options
    group: asyncio.TaskGroup
    registries: dict[str, CollectorRegistry] = field(default_factory=dict)
    waiting_for: set[str] = field(default_factory=set)

    def add(self, name: str, start: Callable[[CollectorRegistry, Callable[..., None]], object]) -> None: ...
