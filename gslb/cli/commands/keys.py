"""gslb keys: keys that coordinators sign with, and dns servers check by."""

from __future__ import annotations

from pathlib import Path

import click

from gslb.core.errors import GslbError


@click.group()
def keys() -> None:
    """Keys for signed snapshots and directives (`gslb coordinator --signing-key`, `gslb dns --trusted-keys`)."""


@keys.command("new")
@click.argument("name")
@click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=".",
    show_default=True,
    help="The folder to write to.",
)
def new(name: str, folder: Path) -> None:
    """Make NAME.key, for the coordinators alone, and NAME.pub, for every dns server.

    \b
    To change the key: give the new NAME.pub to all dns servers, then put the new key in place of the old one on all
    coordinators, then take the old .pub from the dns servers. Nothing needs a restart.
    """
    from gslb.runtime.signing_keys import make_pair

    try:
        private, public, key_id = make_pair(folder, name)
    except GslbError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"key {key_id}: {private} for coordinators, keep it secret; {public} for dns servers")
