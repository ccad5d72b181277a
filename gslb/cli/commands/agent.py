"""gslb agent: run one site agent."""

from __future__ import annotations

import socket
from pathlib import Path

import click

from gslb.cli import options
from gslb.cli.securing import security, security_options
from gslb.cli.serving import serve
from gslb.core.model import IPNetwork
from gslb.runtime.addresses import SocketAddress


@click.command()
@click.option("--site", required=True, help="The site it stands at, as in the configuration.")
@click.option(
    "--name", default=socket.gethostname, help="Tells several agents of one site apart (default: this host's name)."
)
@options.coordinators
@click.option(
    "--probe-only",
    type=options.NETWORK,
    multiple=True,
    help="Probe nothing outside this network, whatever coordinators say; repeat for several (default: no bound).",
)
@security_options
@options.data
@options.metrics
@options.log_level
def agent(
    site: str,
    name: str,
    coordinators: tuple[SocketAddress, ...],
    probe_only: tuple[IPNetwork, ...],
    data: Path,
    metrics: SocketAddress | None,
    log_level: str,
) -> None:
    """Run a site agent: it probes the servers of its site and reports what it sees to every coordinator."""
    from site_agent.main import Options, run

    settings = Options(
        site=site,
        name=name,
        coordinators=coordinators,
        data=data,
        metrics=metrics,
        probe_only=probe_only,
        security=security(),
    )
    serve(run(settings), log_level)
