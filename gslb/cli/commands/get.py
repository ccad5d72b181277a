"""gslb get: the configuration in force."""

from __future__ import annotations

import datetime

import click

from gslb.api.v1 import admin_pb2
from gslb.cli import client, options, screen
from gslb.runtime.addresses import SocketAddress


@click.command()
@click.option("--revision", type=click.IntRange(min=1), default=None, help="An earlier one.")
@options.admin
@options.as_json
def get(revision: int | None, admin: SocketAddress, as_json: bool) -> None:
    """Print the configuration in force, file by file, as it was applied."""
    request = admin_pb2.GetConfigRequest(revision=revision or 0)
    answer = client.call(admin, lambda stub: stub.GetConfig(request, timeout=client.CALL_TIMEOUT_S))
    if as_json:
        screen.print_json(answer)
        return
    when = datetime.datetime.fromtimestamp(answer.applied_unix_s, datetime.UTC)
    click.echo(f"# revision {answer.revision}, applied {when:%Y-%m-%d %H:%M:%S} UTC by {answer.author or 'nobody'}")
    if answer.message:
        click.echo(f"# {answer.message}")
    for file in answer.files:
        click.echo(f"# --- {file.path} ({file.size_bytes} bytes, sha256 {file.sha256.hex()[:16]})")
        if file.text:
            click.echo(file.text.rstrip("\n"))
