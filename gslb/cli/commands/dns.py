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
@click.option(
    "--take-over",
    is_flag=True,
    help="If a dns server runs with this --data, carry on its work on its very sockets: it ends, no query is lost.",
)
@options.log_level
def dns(
    name: str,
    listen: tuple[SocketAddress, ...],
    coordinators: tuple[SocketAddress, ...],
    data: Path,
    metrics: SocketAddress | None,
    engine: str,
    take_over: bool,
    log_level: str,
) -> None:
    """Run a DNS server: it answers, over UDP and TCP, with what the coordinators and agents tell.

    With no coordinator to ask it goes on with what it knows, also after a restart: that is kept in --data.

    To upgrade it or change its options without losing a query, start the new one beside it with --take-over.
    """
    from dns_server.main import Options, run

    settings = Options(
        name=name,
        listen=listen,
        coordinators=coordinators,
        data=data,
        metrics=metrics,
        engine=engine,
        take_over=take_over,
        hands_over=True,
    )
    serve(run(settings), log_level)
