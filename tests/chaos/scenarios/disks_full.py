"""The disks of a dns server, an agent and a coordinator are full while they run: they go on."""

from __future__ import annotations

import errno
import shutil
import subprocess
from functools import partial
from pathlib import Path

from chaos import plan
from chaos.registry import AT_ONCE, scenario
from chaos.trials import Trials
from chaos.world import World

DNS = plan.DNS[0]


def fill_up(folder: Path) -> None:
    """Put what is there onto a small disk, and fill that."""
    kept = folder.with_suffix(".kept")
    shutil.copytree(folder, kept, ignore=shutil.ignore_patterns("hand-over"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)], check=True)
    shutil.copytree(kept, folder, dirs_exist_ok=True)
    try:
        (folder / "filler").write_bytes(bytes(2**21))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise


def take_away(world: World, name: str) -> None:
    """The small disk; who uses it starts anew on what there was before."""
    world.kill(name)
    subprocess.run(["umount", str(world.data(name))], check=True)


@scenario("a server is killed, disks are full", limits=AT_ONCE)
async def disks_full(world: World, trials: Trials) -> None:
    for name in (DNS, plan.AGENTS["eu"], plan.COORDINATORS[0]):
        fill_up(world.data(name))
        world.afterwards(partial(take_away, world, name))
    for number in range(3):
        await world.apply(world.configuration(more=f"# {number}"))
        await trials.kill_servers(5)
    unwritten = await world.metric(DNS, "gslb_dns_unwritten_files_total")
    trials.require(unwritten > 0, "no file went unwritten: the disk was not full")
