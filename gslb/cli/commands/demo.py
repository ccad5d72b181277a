"""gslb demo: see it work, and break it, in under a minute."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import click


@click.command()
@click.option("--keep", is_flag=True, help="Leave the world running at the end, with commands to try.")
def demo(keep: bool) -> None:
    """Watch three sites serve the globe, lose servers, a site and the coordinator, and go on answering.

    Real processes and real queries, nothing but loopback; needs no configuration and leaves nothing behind.
    """
    from gslb.cli.demo.show import show

    with tempfile.TemporaryDirectory(prefix="aya-demo-") as folder:
        raise SystemExit(asyncio.run(show(Path(folder), keep=keep)))
