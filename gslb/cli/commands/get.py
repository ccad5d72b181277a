"""gslb get: a configuration as it was applied."""

from __future__ import annotations

import click

from gslb.api.v1 import admin_pb2
from gslb.cli import client, options, screen
from gslb.cli.history import REVISION, when
from gslb.runtime.addresses import SocketAddress


@click.command()
@click.argument("revision", type=REVISION, required=False)
@options.admin
@options.as_json
def get(revision: int | None, admin: tuple[SocketAddress, ...], as_json: bool) -> None:
    """Print a configuration, file by file, as it was applied: the one in force, or an earlier REVISION."""
    request = admin_pb2.GetConfigRequest(revision=revision or 0)
    answer = client.call(admin, lambda stub: stub.GetConfig(request, timeout=client.CALL_TIMEOUT_S))
    if as_json:
        screen.print_json(answer)
        return
    applied = when(answer.applied_unix_s)
    click.echo(f"# revision {answer.revision}, applied {applied} UTC by {answer.author or 'nobody'}")
    if answer.message:
        click.echo(f"# {answer.message}")
    for file in answer.files:
        click.echo(f"# --- {file.path} ({file.size_bytes} bytes, sha256 {file.sha256.hex()[:16]})")
        if file.text:
            click.echo(file.text.rstrip("\n"))
