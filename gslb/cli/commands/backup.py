"""gslb backup: all that the store holds, in one file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from gslb.api.v1 import admin_pb2
from gslb.cli import client, options
from gslb.cli.backups import describe, errors_about
from gslb.runtime.addresses import SocketAddress

if TYPE_CHECKING:
    from gslb.api.v1.admin_pb2_grpc import AdminAsyncStub

BACKUP_TIMEOUT_S = 900.0


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@options.admin
def backup(file: Path, admin: tuple[SocketAddress, ...]) -> None:
    """Write everything that the store holds into FILE: configurations, overrides, large inputs.

    Any coordinator will do, and it goes on working meanwhile. FILE must not exist; nobody but you may read it. It is
    checked before it gets its name, so a FILE that is there can be restored: `gslb restore FILE`.
    """
    from gslb.coordinator.backup.checking import check

    if file.exists():
        raise click.UsageError(f"{file} exists already: name another file, or remove it")
    with errors_about(file), _new_file(file) as part:
        with part.open("r+b") as out:
            client.call(admin, lambda stub: _fetch(stub, out))
        summary = check(part)
    click.echo(f"{file}: {describe(summary)}")


async def _fetch(stub: AdminAsyncStub, out: BinaryIO) -> None:
    async for piece in stub.Backup(admin_pb2.BackupRequest(), timeout=BACKUP_TIMEOUT_S):
        out.write(piece.content)
    out.flush()
    os.fsync(out.fileno())


@contextmanager
def _new_file(file: Path) -> Iterator[Path]:
    """A file beside it that only we may read; it takes its name when the context ends well."""
    part = file.with_name(f"{file.name}.part")
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600))
        part.chmod(0o600)
        yield part
        part.rename(file)
    finally:
        part.unlink(missing_ok=True)
