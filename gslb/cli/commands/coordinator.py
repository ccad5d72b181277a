"""gslb coordinator: run one coordinator."""

from __future__ import annotations

from pathlib import Path

import click

from gslb.cli import options
from gslb.cli.serving import serve
from gslb.runtime.addresses import SocketAddress


@click.command()
@click.option("--name", default="coordinator", show_default=True, help="Its name in `gslb status` and logs.")
@options.admin_listen
@click.option(
    "-f",
    "--file",
    "config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The configuration to begin with; counts only until one has been applied.",
)
@options.data
@options.metrics
@options.log_level
def coordinator(
    name: str, admin: SocketAddress, config: Path | None, data: Path, metrics: SocketAddress | None, log_level: str
) -> None:
    """Run a coordinator: it keeps the configuration and spreads what the agents see.

    The configuration is what was applied last (`gslb apply`); it survives restarts in --data.
    """
    from gslb.coordinator.main import Options, run

    serve(run(Options(name=name, listen=admin, data=data, metrics=metrics, config=config)), log_level)
