"""Calls to a coordinator from the command line: one channel, deadlines, and errors as sentences."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import click
import grpc

from gslb.api.v1.admin_pb2_grpc import AdminStub
from gslb.core.errors import GslbError
from gslb.runtime import rpc
from gslb.runtime.addresses import SocketAddress

if TYPE_CHECKING:
    from gslb.api.v1.admin_pb2_grpc import AdminAsyncStub

CALL_TIMEOUT_S = 10.0

Answer = TypeVar("Answer")


def call(admin: SocketAddress, use: Callable[[AdminAsyncStub], Awaitable[Answer]]) -> Answer:
    """Run `use` with a stub for the coordinator at `admin`; a failed call ends the command with its reason."""
    try:
        return asyncio.run(_call(admin, use))
    except grpc.aio.AioRpcError as error:
        raise click.ClickException(explain_failure(admin, error)) from None
    except (GslbError, OSError) as error:
        raise click.ClickException(str(error)) from None


async def _call(admin: SocketAddress, use: Callable[[AdminAsyncStub], Awaitable[Answer]]) -> Answer:
    async with rpc.channel(str(admin)) as channel:
        return await use(AdminStub(channel))


def explain_failure(admin: SocketAddress, error: grpc.aio.AioRpcError) -> str:
    """What a failed call means for the person at the keyboard."""
    match error.code():
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
