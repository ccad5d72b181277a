"""gslb restore: a backup back into a store, while no coordinator runs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gslb.cli import client, options
from gslb.cli.backups import describe, errors_about
from gslb.cli.storing import store_options
from gslb.runtime.clock import wall_unix_s
from gslb.store.etcd.options import EtcdOptions

if TYPE_CHECKING:
    from gslb.coordinator.backup.checking import Summary


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@options.data
@store_options
@click.option("--replace", is_flag=True, help="Into a store that is not empty, in place of all it holds; asks first.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def restore(
    file: Path,
    data: Path,
    replace: bool,
    yes: bool,
    etcd: EtcdOptions | None,
) -> None:
    """Put a backup into an empty store: that of a coordinator with this --data and --store.

    Stop all its coordinators first, and start them when this is done; dns servers go on answering all the while and
    take the restored state as soon as a coordinator is back. A backup may go into another kind of store than it came
    from. FILE is checked as a whole before anything is written.
    """
    from gslb.coordinator.backup import restoring

    def may_replace(summary: Summary, keys: int) -> bool:
        if not replace or yes:
            return replace
        click.echo(f"{file}: {describe(summary)}")
        return click.confirm(f"The store holds {keys} keys. Remove them and restore this backup?")

    who = f"local/{client.whoami()}"  # nobody has proved it: whoever can write to the store can do this
    place = restoring.Place(folder=data / "coordinator", etcd=etcd)
    with errors_about(file):
        done = asyncio.run(restoring.restore(file, place, who=who, now_unix_s=wall_unix_s(), may_replace=may_replace))
    click.echo(f"{file}: restored as incarnation {done.incarnation}: {describe(done.summary)}")
