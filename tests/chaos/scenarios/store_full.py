"""etcd is full: it reads and writes no more, until somebody has made room and says so."""

from __future__ import annotations

import subprocess
from typing import TypeAlias

import grpc

from chaos import plan
from chaos.registry import AT_ONCE, scenario
from chaos.storeless import without_store
from chaos.trials import Trials
from chaos.world import World

Alarm: TypeAlias = "grpc.UnaryUnaryMultiCallable[bytes, bytes]"
_RAISE_NO_SPACE = b"\x08\x01\x18\x01"
"""An AlarmRequest: what a member says when its quota is used up."""


@scenario("a server is killed, etcd is full", limits=AT_ONCE)
async def store_full(world: World, trials: Trials) -> None:
    def fill() -> None:
        with grpc.insecure_channel(world.programs.address(plan.ETCD[0], plan.ETCD_CLIENT)) as channel:
            alarm: Alarm = channel.unary_unary("/etcdserverpb.Maintenance/Alarm")
            alarm(_RAISE_NO_SPACE, timeout=5)

    def make_room() -> None:
        command = [world.programs.etcdctl, f"--endpoints={world.programs.etcd_endpoints()}", "alarm", "disarm"]
        subprocess.run(command, check=True, capture_output=True, env={"ETCDCTL_API": "3"})

    world.afterwards(make_room)
    await without_store(world, trials, fill, make_room)
