"""Calls to a coordinator from the command line: one channel, deadlines, and errors as sentences."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import click
import grpc

from gslb.api.v1.admin_pb2_grpc import AdminStub
from gslb.cli.securing import security
from gslb.core.errors import GslbError
from gslb.core.printable import printable
from gslb.runtime import rpc
from gslb.runtime.addresses import SocketAddress
from gslb.runtime.tls import Security

if TYPE_CHECKING:
    from gslb.api.v1.admin_pb2_grpc import AdminAsyncStub

CALL_TIMEOUT_S = 10.0
READY_TIMEOUT_S = 2.0
"""For a coordinator to take a connection, where there are others to try."""

Answer = TypeVar("Answer")


def call(admin: Sequence[SocketAddress], use: Callable[[AdminAsyncStub], Awaitable[Answer]]) -> Answer:
    """Run `use` with a stub for the first coordinator that answers; a failed call ends the command with its reason."""
    protection = security()
    try:
        return asyncio.run(call_first(admin, protection, use))
    except (GslbError, OSError) as error:
        raise click.ClickException(str(error)) from None


async def call_first(
    admin: Sequence[SocketAddress], protection: Security, use: Callable[[AdminAsyncStub], Awaitable[Answer]]
) -> Answer:
    """Only what never reached a coordinator is tried at the next: nothing is done twice. Raises ClickException."""
    for address in admin:
        async with rpc.channel(address, protection) as channel:
            if len(admin) > 1 and not await _is_ready(channel):
                continue
            try:
                return await use(AdminStub(channel))
            except grpc.aio.AioRpcError as error:
                raise click.ClickException(explain_failure(address, error)) from None
    raise click.ClickException(f"no coordinator answers at {', '.join(map(str, admin))}: is one running there?")


async def _is_ready(channel: grpc.aio.Channel) -> bool:
    """Whether somebody takes the connection and speaks."""
    try:
        async with asyncio.timeout(READY_TIMEOUT_S):
            state = channel.get_state(try_to_connect=True)
            while state in (grpc.ChannelConnectivity.IDLE, grpc.ChannelConnectivity.CONNECTING):
                await channel.wait_for_state_change(state)
                state = channel.get_state(try_to_connect=True)
    except TimeoutError:
        return False
    return state is grpc.ChannelConnectivity.READY


def explain_failure(admin: SocketAddress, error: grpc.aio.AioRpcError) -> str:
    """What a failed call means for the person at the keyboard."""
    match error.code():
        case grpc.StatusCode.UNAVAILABLE if rpc.is_mistrust(error):
            return (
                f"the coordinator at {admin} and this command do not trust each other: it wants a certificate of its"
                " own authority that is valid now (`--tls DIR`, `gslb pki show FILE`), and its own must be one too"
            )
        case grpc.StatusCode.UNAVAILABLE if rpc.is_nobody(error):
            return f"no coordinator answers at {admin}: is it running there? `--admin ADDR:PORT` names another one"
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return f"the coordinator at {admin} did not answer in time: it may be overloaded or cut off; try again"
        case _:
            return printable(error.details() or error.code().name, "\n")


def whoami() -> str:
    """The name that goes beside a change when `--who` is not given."""
    import getpass
    import socket

    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in many containers
        user = f"uid{os.getuid()}"
    return f"{user}@{socket.gethostname()}"
