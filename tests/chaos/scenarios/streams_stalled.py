"""Peers stall: a dns server and an agent stop reading, strangers open connections to coordinators and say nothing."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from functools import partial

from chaos import plan
from chaos.registry import AT_ONCE, scenario
from chaos.trials import Trials
from chaos.world import World

HANGING, OTHERS = plan.DNS[1], plan.DNS[:1]
STRANGERS = 100
"""At each coordinator."""


def open_and_be_silent(host: str) -> socket.socket:
    """The beginning of a TLS record, and no more."""
    connection = socket.create_connection((host, plan.ADMIN), timeout=5)
    connection.sendall(b"\x16\x03\x01\x02")
    return connection


@scenario("a server is killed, streams are stalled", limits=AT_ONCE)
async def streams_stalled(world: World, trials: Trials) -> None:
    with ExitStack() as connections:
        for name in plan.COORDINATORS:
            for _ in range(STRANGERS):
                connections.enter_context(open_and_be_silent(world.network.hosts[name].address))
        await trials.kill_servers(6)
        world.stop(plan.AGENTS[plan.WITNESS])
        async with world.hanging_dns(HANGING):
            async for member in world.in_turn(12):
                await trials.lose([member], partial(world.kill, member.name), at=OTHERS)
                world.come_back(member)
            world.go_on(plan.AGENTS[plan.WITNESS])
    await trials.kill_servers(6)
