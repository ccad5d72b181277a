"""What commands say of a configuration on its way to the dns servers, and how they wait for the end of its trial."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click
import grpc

from gslb.api.v1 import admin_pb2
from gslb.cli import client

if TYPE_CHECKING:
    from gslb.api.v1.admin_pb2_grpc import AdminAsyncStub

LOOK_S = 0.5
MOST_LOST = 60
"""Looks in a row that the coordinator did not answer."""
SERVED_WITHIN_S = 5.0
"""How long to wait for dns servers to serve what was released, only to say how many do."""


async def follow(stub: AdminAsyncStub, revision: int) -> admin_pb2.Rollout:
    """Wait until the trial of `revision` is over, if there is one, and say how it goes; how it ended.

    Raises ClickException when nobody can tell.
    """
    said, left, lost = "", SERVED_WITHIN_S, 0
    while True:
        rollout = await _look(stub)
        lost = 0 if rollout is not None else lost + 1
        if lost > MOST_LOST:
            raise click.ClickException("the coordinator is gone, the trial goes on: `gslb rollout` tells its outcome")
        if rollout is None or rollout.revision < revision:  # a coordinator that is away, or one that is behind
            pass
        elif rollout.stage != admin_pb2.ROLLOUT_STAGE_TRIAL or rollout.revision > revision:
            left -= LOOK_S
            if rollout.serving == rollout.dns_servers or left <= 0 or not rollout.first:
                return rollout
        elif (line := describe(rollout)) != said:
            click.echo(line, err=True)
            said = line
        await asyncio.sleep(LOOK_S)


async def _look(stub: AdminAsyncStub) -> admin_pb2.Rollout | None:
    try:
        return (await stub.GetRollout(admin_pb2.GetRolloutRequest(), timeout=client.CALL_TIMEOUT_S)).rollout
    except grpc.aio.AioRpcError as error:
        if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
            raise
        return None


def describe(rollout: admin_pb2.Rollout) -> str:
    """One line: where it is and why."""
    by = f" by {rollout.who}" if rollout.who else ""
    why = f": {rollout.reason}" if rollout.reason else ""
    revision, serving = rollout.revision, f"{rollout.serving} of {rollout.dns_servers} dns servers serve it"
    match rollout.stage:
        case admin_pb2.ROLLOUT_STAGE_TRIAL:
            does = f"dns server {rollout.first} serves it" if rollout.serving else f"dns server {rollout.first} gets it"
            return f"revision {revision} is on trial: {does} first, the others once all is well for {rollout.soak_s} s"
        case admin_pb2.ROLLOUT_STAGE_ROLLED_BACK:
            first = f"dns server {rollout.first} had it first"
            return f"revision {revision} was rolled back{by}, {first}{why}; in force is {rollout.in_force}, as before"
        case admin_pb2.ROLLOUT_STAGE_RELEASED:
            return f"revision {revision} is released to all{by}{why}, {serving}"
        case _:
            return "no configuration has been applied yet: use `gslb apply FILE`"


def conclude(rollout: admin_pb2.Rollout, revision: int) -> None:
    """Say how it ended, and end the command with an error if it was not well."""
    if rollout.revision > revision:
        click.echo(f"revision {rollout.revision} was applied meanwhile")
    elif rollout.stage == admin_pb2.ROLLOUT_STAGE_ROLLED_BACK:
        raise click.ClickException(describe(rollout))
    elif rollout.first:
        click.echo(describe(rollout))
