"""gslb dns: run one authoritative DNS server."""

from __future__ import annotations

import socket
from pathlib import Path

import click

from gslb.cli import options
from gslb.cli.serving import serve
from gslb.runtime.addresses import SocketAddress


@click.command()
@click.option("--name", default=socket.gethostname, help="Its name in `gslb status` (default: this host's).")
@options.listen
@options.coordinators
@options.data
@options.metrics
@options.engine
@options.log_level
def dns(
    name: str,
    listen: tuple[SocketAddress, ...],
    coordinators: tuple[SocketAddress, ...],
    data: Path,
    metrics: SocketAddress | None,
    engine: str,
    log_level: str,
) -> None:
    """Run a DNS server: it answers, over UDP and TCP, with what the coordinators and agents tell.

    With no coordinator to ask it goes on with what it knows, also after a restart: that is kept in --data.
    """
    from dns_server.main import Options, run

    settings = Options(name=name, listen=listen, coordinators=coordinators, data=data, metrics=metrics, engine=engine)
    serve(run(settings), log_level)
