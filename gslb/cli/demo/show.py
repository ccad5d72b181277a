"""The whole show: the stage, the story, the summary, and the exit status."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from shutil import which

from gslb.cli import screen
from gslb.cli.demo import world
from gslb.cli.demo.children import DemoFailed
from gslb.cli.demo.stage import DNS_NAMES, Stage, open_stage
from gslb.cli.demo.story import Story
from gslb.runtime.clock import monotonic_s


async def show(folder: Path, *, keep: bool) -> int:
    """Returns the exit status: 0 when every promise held."""
    out = screen.console()
    started = monotonic_s()
    async with open_stage(folder) as stage:
        story = Story(stage=stage, out=out)
        try:
            await story.tell()
        except DemoFailed as error:
            out.print(f"The demo failed: {error}", style="red")
            return 1
        story.summarise(monotonic_s() - started)
        if keep:
            _invite(story, stage)
            await _until_interrupted()
    return 1 if story.failed else 0


def _invite(story: Story, stage: Stage) -> None:
    dns, admin = stage.dns_ports[DNS_NAMES[0]], f"--admin 127.0.0.1:{stage.admin_port}"
    gslb = "gslb" if which("gslb") else str(Path(sys.executable).with_name("gslb"))
    victim = stage.children.running[world.SERVERS[0].name].pid
    story.title("Still running; Ctrl-C ends it. Try:")
    for line in (
        f"dig @127.0.0.1 -p {dns} {world.SERVICE} +subnet=81.2.69.0/24",
        f"{gslb} status {admin}",
        f"{gslb} explain {world.SERVICE} --client 8.8.8.0/24 {admin}",
        f"{gslb} drain site {world.PLACES[0].site} --why lunch {admin}",
        f"kill -9 {victim}    # {world.SERVERS[0].name}",
        f"cat {stage.config}",
    ):
        story.out.print(f"  {line}")


async def _until_interrupted() -> None:
    done = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, done.set)
    await done.wait()
