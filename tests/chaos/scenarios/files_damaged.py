"""With nobody to ask, a dns server restarts on files that are corrupt, cut off, empty or foreign.

It answers from the newest generation that is whole, and counts what is not.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from chaos import plan
from chaos.registry import scenario
from chaos.trials import Trials
from chaos.world import World

NAME = plan.DNS[0]
KINDS = ("snapshot", "directives", "facts")


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-7])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def garble(file: Path) -> None:
    file.write_bytes(bytes(range(256)) * 400)


def newest(folder: Path, kind: str) -> Path:
    return max(folder.glob(f"{kind}.0*"))


async def fill(world: World, folder: Path) -> None:
    """Two generations of each kind of which one is as good as the other: in both, all servers are up."""
    for number in range(2):
        before = newest(folder, "facts").name
        await world.apply(world.configuration(more=f"# {number}"))
        world.kill(plan.AGENTS[plan.WITNESS])
        world.start(plan.AGENTS[plan.WITNESS])
        await world.until_whole()

        async def is_saved(before: str = before) -> bool:
            return newest(folder, "facts").name > before

        await world.until("facts of a new boot in a file", is_saved)


def damage(folder: Path, whole: Path, how: Callable[[Path], None]) -> None:
    """The newest file of each kind, of what was whole."""
    shutil.rmtree(folder)
    shutil.copytree(whole, folder)
    for kind in KINDS:
        how(newest(folder, kind))


@scenario("a dns server restarts on damaged files, with nobody to ask")
async def files_damaged(world: World, trials: Trials) -> None:
    folder, whole = world.data(NAME) / "dns", world.folder / "whole"
    await fill(world, folder)
    world.kill(*plan.COORDINATORS)
    shutil.copytree(folder, whole, ignore=shutil.ignore_patterns("hand-over"))
    for how in (flip, cut, empty, garble):
        await trials.restart_dns(NAME, partial(damage, folder, whole, how))
        for kind in KINDS:
            found = await world.metric(NAME, "gslb_dns_unreadable_files_total", kind=kind)
            trials.require(found == 1, f"{how.__name__}: {found:.0f} {kind} files found unusable, not 1")
