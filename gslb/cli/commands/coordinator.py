"""gslb coordinator: run one coordinator."""

from __future__ import annotations

from pathlib import Path

import click

from gslb.cli import options
from gslb.cli.securing import security, security_options
from gslb.cli.serving import serve
from gslb.cli.storing import store_options
from gslb.coordinator.configuration.retention import DEFAULT_LIMITS, LEAST, MAX_REVISIONS, Limits
from gslb.runtime.addresses import SocketAddress
from gslb.store.etcd.options import EtcdOptions


@click.command()
@click.option(
    "--name",
    default="coordinator",
    show_default=True,
    help="Its name in `gslb status` and logs; of several coordinators each has its own.",
)
@options.admin_listen
@click.option(
    "--advertise",
    type=options.ADDRESS,
    help="Where agents, dns servers and other coordinators reach it; they are told. Default: at --admin with etcd.",
)
@click.option(
    "-f",
    "--file",
    "config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The configuration to begin with; counts only until one has been applied.",
)
@options.data
@store_options
@click.option(
    "--keep-revisions",
    type=click.IntRange(LEAST, MAX_REVISIONS),
    default=DEFAULT_LIMITS.revisions,
    show_default=True,
    help="Keep so many configurations for `gslb history` and `gslb rollback`.",
)
@click.option(
    "--keep-bytes",
    type=options.SIZE,
    default=f"{DEFAULT_LIMITS.size_bytes // 1024**2}M",
    show_default=True,
    help="Keep fewer when they take more than this, large inputs included.",
)
@security_options
@click.option(
    "--admin-name",
    "admins",
    multiple=True,
    help="An operator who may do everything, besides `admin`, whatever the configuration says; repeat for several.",
)
@click.option(
    "--signing-key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Sign snapshots and directives with this key of `gslb keys new`; give it to all coordinators.",
)
@options.metrics
@options.log_level
def coordinator(
    name: str,
    admin: SocketAddress,
    advertise: SocketAddress | None,
    config: Path | None,
    data: Path,
    keep_revisions: int,
    keep_bytes: int,
    admins: tuple[str, ...],
    signing_key: Path | None,
    metrics: SocketAddress | None,
    log_level: str,
    etcd: EtcdOptions | None,
) -> None:
    """Run a coordinator: it keeps the configuration and spreads what the agents see.

    The configuration is what was applied last (`gslb apply`); it survives restarts in --store.
    """
    from gslb.coordinator.main import run
    from gslb.coordinator.options import Options

    if etcd is not None and advertise is None and admin.is_anywhere:
        raise click.UsageError(f"others cannot reach it at {admin}: say where they can with --advertise HOST:PORT")
    settings = Options(
        name=name,
        listen=admin,
        data=data,
        metrics=metrics,
        config=config,
        etcd=etcd,
        advertise=advertise,
        limits=Limits(revisions=keep_revisions, size_bytes=keep_bytes),
        security=security(),
        admins=frozenset(admins),
        signing_key=signing_key,
    )
    serve(run(settings), log_level)
