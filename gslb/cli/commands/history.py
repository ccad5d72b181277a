"""gslb history: who changed what, and when."""

from __future__ import annotations

import click

from gslb.cli import client, options, screen
from gslb.cli import history as past
from gslb.runtime.addresses import SocketAddress


@click.command()
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="So many, the newest first.")
@options.admin
@options.as_json
def history(limit: int, admin: tuple[SocketAddress, ...], as_json: bool) -> None:
    """List the configurations that were applied and are still kept, the newest first.

    \b
    gslb get 12            print configuration 12 as it was applied
    gslb diff 12 14        what changed from 12 to 14
    gslb rollback 12       apply 12 again, as a new revision
    """
    answer = client.call(admin, lambda stub: past.list_configs(stub, limit))
    if as_json:
        screen.print_json(answer)
        return
    if not answer.configs:
        click.echo("no configuration has been applied yet: use `gslb apply FILE`")
        return
    screen.console().print(past.make_table(answer.configs, answer.in_force))
    if answer.more:
        click.echo("older ones are kept too: --limit N")
