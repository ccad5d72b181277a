"""Calls to a coordinator from the command line: one channel, deadlines, and errors as sentences."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import click
import grpc

from gslb.api.v1.admin_pb2_grpc import AdminStub
from gslb.cli.securing import security
from gslb.core.errors import GslbError
from gslb.runtime import rpc
from gslb.runtime.addresses import SocketAddress
from gslb.runtime.tls import Security

if TYPE_CHECKING:
    from gslb.api.v1.admin_pb2_grpc import AdminAsyncStub

CALL_TIMEOUT_S = 10.0
_TLS_SIGNS = ("handshake failed", "socket closed")
"""What gRPC says when a peer refuses the other's certificate, or its absence."""

Answer = TypeVar("Answer")


def call(admin: SocketAddress, use: Callable[[AdminAsyncStub], Awaitable[Answer]]) -> Answer:
    """Run `use` with a stub for the coordinator at `admin`; a failed call ends the command with its reason."""
    protection = security()
    try:
        return asyncio.run(_call(admin, protection, use))
    except grpc.aio.AioRpcError as error:
        raise click.ClickException(explain_failure(admin, error)) from None
    except (GslbError, OSError) as error:
        raise click.ClickException(str(error)) from None


async def _call(
    admin: SocketAddress, protection: Security, use: Callable[[AdminAsyncStub], Awaitable[Answer]]
) -> Answer:
    async with rpc.channel(admin, protection) as channel:
        return await use(AdminStub(channel))


def explain_failure(admin: SocketAddress, error: grpc.aio.AioRpcError) -> str:
    """What a failed call means for the person at the keyboard."""
    match error.code():
        case grpc.StatusCode.UNAVAILABLE if any(sign in (error.details() or "").lower() for sign in _TLS_SIGNS):
            return (
                f"the coordinator at {admin} and this command do not trust each other: it wants a certificate of its"
                " own authority that is valid now (`--tls DIR`, `gslb pki show FILE`), and its own must be one too"
            )
        case grpc.StatusCode.UNAVAILABLE if "failed to connect" in (error.details() or "").lower():
            return f"no coordinator answers at {admin}: is it running there? `--admin ADDR:PORT` names another one"
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return f"the coordinator at {admin} did not answer in time: it may be overloaded or cut off; try again"
        case _:
            return error.details() or error.code().name


def whoami() -> str:
    """The name that goes beside a change when `--who` is not given."""
    import getpass
    import socket

    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in many containers
        user = f"uid{os.getuid()}"
    return f"{user}@{socket.gethostname()}"
