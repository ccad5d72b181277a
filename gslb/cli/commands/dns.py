"""gslb dns: run one authoritative DNS server."""

from __future__ import annotations

import socket
from pathlib import Path

import click

from gslb.cli import options
from gslb.cli.securing import security, security_options
from gslb.cli.serving import serve
from gslb.runtime.addresses import SocketAddress
from gslb.runtime.garbage import loading


@click.command()
@click.option("--name", default=socket.gethostname, help="Its name in `gslb status` (default: this host's).")
@options.listen
@options.coordinators
@security_options
@options.data
@options.metrics
@options.engine
@click.option(
    "--take-over",
    is_flag=True,
    help="If a dns server runs with this --data, carry on its work on its very sockets: it ends, no query is lost.",
)
@click.option("--nsid", metavar="TEXT", help="What to tell clients that ask which server answers (default: its name).")
@click.option("--no-nsid", is_flag=True, help="Do not tell them.")
@click.option(
    "--cookie-secrets",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of one or two lines of 32 hexadecimal digits: the first makes DNS cookies, all are accepted. For "
    "servers that share an address; default: a random one, until the process ends.",
)
@click.option(
    "--trusted-keys",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    help="Serve only what one of these keys has signed: NAME.pub of `gslb keys new`, or a folder of them; repeat for "
    "several. Followed while it runs.",
)
@click.option(
    "--break-glass",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of overrides that beat everything and need no coordinator (default: break-glass.yaml in --data). "
    "Followed while it runs, and need not exist before.",
)
@click.option(
    "--max-age",
    type=options.DURATION,
    help="Answer SERVFAIL once no coordinator was heard for so long, as in 7d (default: answer whatever the age).",
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
    nsid: str | None,
    no_nsid: bool,
    cookie_secrets: Path | None,
    trusted_keys: tuple[Path, ...],
    break_glass: Path | None,
    max_age: int | None,
    log_level: str,
) -> None:
    """Run a DNS server: it answers, over UDP and TCP, with what the coordinators and agents tell.

    With no coordinator to ask it goes on with what it knows, also after a restart: that is kept in --data.

    To upgrade it or change its options without losing a query, start the new one beside it with --take-over.
    """
    with loading():
        from dns_server.main import run
        from dns_server.options import Options

    settings = Options(
        name=name,
        listen=listen,
        coordinators=coordinators,
        data=data,
        metrics=metrics,
        engine=engine,
        take_over=take_over,
        hands_over=True,
        nsid="" if no_nsid else nsid,
        cookie_secrets=cookie_secrets,
        security=security(),
        trusted_keys=trusted_keys,
        break_glass=break_glass,
        max_age_s=max_age,
    )
    serve(run(settings), log_level)
