"""gslb up: everything in one command on one machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gslb import __version__
from gslb.cli import options, screen
from gslb.cli.commands.check import show_problems
from gslb.cli.securing import plaintext_option, security
from gslb.cli.serving import serve
from gslb.runtime.addresses import SocketAddress

if TYPE_CHECKING:
    from gslb.cli.allinone import Up


@click.command()
@options.config_file
@options.listen
@options.admin_listen
@plaintext_option
@click.option(
    "--metrics",
    type=options.ADDRESS,
    default=options.DEFAULT_METRICS,
    show_default=True,
    help="Serve /metrics, /livez and /readyz here.",
)
@options.data
@click.option("--watch", is_flag=True, help="Apply the file again whenever it, or a file it names, changes.")
@options.engine
@options.log_level
def up(
    config: Path,
    listen: tuple[SocketAddress, ...],
    admin: SocketAddress,
    metrics: SocketAddress,
    data: Path,
    watch: bool,
    engine: str,
    log_level: str,
) -> None:
    """Run a coordinator, an agent for every site and a dns server, all in one.

    The way to try Aya and to run a small installation. Loopback members may be probed. If the file is wrong and an
    earlier configuration was applied, that one serves and the problems are shown.

    \b
    gslb up -f gslb.yaml --listen 192.0.2.53:53 --watch
    """
    from gslb.cli.allinone import Options, run

    if not (admin.is_loopback or security().plaintext):
        raise click.UsageError(
            f"--admin {admin} is beyond this machine, and `gslb up` has no TLS: run the parts apart with --tls, or give"
            " --plaintext if nobody else can reach that network"
        )
    settings = Options(
        config=config,
        listen=listen,
        admin=admin,
        metrics=metrics,
        data=data,
        watch=watch,
        engine=engine,
        security=security(),
    )
    serve(run(settings, lambda ready: _greet(config, ready)), log_level)


def _greet(config: Path, ready: Up) -> None:
    """Where everything is, and what to try."""
    if ready.problems:
        show_problems(config.parent, ready.problems)
    out = screen.console()
    before = ", with the configuration before" if ready.problems else ""
    out.print(f"Aya {__version__} is up{before}", style="bold")
    for address in ready.listen:
        out.print(f"  DNS      {address} (UDP and TCP)")
    out.print(f"  admin    {ready.admin} (gRPC)")
    if ready.metrics is not None:
        out.print(f"  metrics  http://{ready.metrics}/metrics")
    admin = "" if str(ready.admin) == options.DEFAULT_ADMIN else f" --admin {ready.admin}"
    out.print(f"Ask `gslb status{admin}` who serves what; Ctrl-C ends it.")
