"""gslb diff: what changed from one configuration to another."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click
from google.protobuf import json_format
from rich.console import Console

from gslb.api.v1 import admin_pb2
from gslb.cli import client, options, screen
from gslb.cli.history import REVISION, size, when
from gslb.runtime.addresses import SocketAddress

if TYPE_CHECKING:
    from gslb.api.v1.admin_pb2_grpc import AdminAsyncStub

DIFF_TIMEOUT_S = 120.0
"""It reads two configurations, which may be large."""

_SIGNS = {
    admin_pb2.ConfigChange.KIND_ADDED: ("+", "green"),
    admin_pb2.ConfigChange.KIND_REMOVED: ("-", "red"),
    admin_pb2.ConfigChange.KIND_CHANGED: ("~", "yellow"),
}
_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """What became of one file. `lines`: a unified diff; of a large input one line with digests and sizes."""

    path: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """`before` is empty where the first configuration is compared with nothing."""

    meaning: admin_pb2.DiffConfigsResponse
    before: admin_pb2.GetConfigResponse
    after: admin_pb2.GetConfigResponse
    files: tuple[FileChange, ...]


@click.command()
@click.argument("before", type=REVISION, required=False, metavar="[A]")
@click.argument("after", type=REVISION, required=False, metavar="[B]")
@options.admin
@options.as_json
def diff(before: int | None, after: int | None, admin: tuple[SocketAddress, ...], as_json: bool) -> None:
    """Show what changed from configuration A to B: first what it means, then file by file.

    \b
    gslb diff              the last change: from the one before to the one in force
    gslb diff 12           from 12 to the one in force
    gslb diff 12 14        from 12 to 14
    """
    request = admin_pb2.DiffConfigsRequest(before=before or 0, after=after or 0)
    compared = client.call(admin, lambda stub: _compare(stub, request))
    if as_json:
        click.echo(json.dumps(_as_json(compared), indent=2, ensure_ascii=False))
        return
    _show(screen.console(), compared)


async def _compare(stub: AdminAsyncStub, request: admin_pb2.DiffConfigsRequest) -> Compared:
    meaning = await stub.DiffConfigs(request, timeout=DIFF_TIMEOUT_S)
    before, after = admin_pb2.GetConfigResponse(), await _get(stub, meaning.after)
    if meaning.before:
        before = await _get(stub, meaning.before)
    files = tuple(compare_files({file.path: file for file in before.files}, {file.path: file for file in after.files}))
    return Compared(meaning=meaning, before=before, after=after, files=files)


async def _get(stub: AdminAsyncStub, revision: int) -> admin_pb2.GetConfigResponse:
    return await stub.GetConfig(admin_pb2.GetConfigRequest(revision=revision), timeout=client.CALL_TIMEOUT_S)


Files = Mapping[str, admin_pb2.ConfigFile]


def compare_files(before: Files, after: Files) -> Iterator[FileChange]:
    """Of the files that are not the same, in the sequence of the later configuration, those that are gone last."""
    for path in dict.fromkeys((*after, *before)):
        old, new = before.get(path), after.get(path)
        if old is None or new is None or old.sha256 != new.sha256:
            yield FileChange(path=path, lines=tuple(_file_lines(path, old, new)))


def _file_lines(path: str, old: admin_pb2.ConfigFile | None, new: admin_pb2.ConfigFile | None) -> Iterator[str]:
    if any(file is not None and file.size_bytes and not file.text for file in (old, new)):
        yield f"{path}: {_blob(old)} -> {_blob(new)}"
        return
    before, after = (_lines(file.text if file is not None else "") for file in (old, new))
    names = (f"a/{path}" if old is not None else "/dev/null", f"b/{path}" if new is not None else "/dev/null")
    for line in difflib.unified_diff(before, after, *names):
        body = line.removesuffix("\n")
        yield body
        if body == line and not line.startswith(("---", "+++", "@@")):
            yield "\\ No newline at end of file"


def _lines(text: str) -> Sequence[str]:
    """At line feeds only, as programs that apply diffs count them."""
    parts = text.split("\n")
    return [*(f"{part}\n" for part in parts[:-1]), *([parts[-1]] if parts[-1] else [])]


def _blob(file: admin_pb2.ConfigFile | None) -> str:
    return "none" if file is None else f"sha256 {file.sha256.hex()[:16]} ({size(file.size_bytes)})"


def _show(out: Console, compared: Compared) -> None:
    for sign, config in (("-", compared.before), ("+", compared.after)):
        if config.revision:
            message = f": {config.message}" if config.message else ""
            out.print(
                f"{sign} configuration {config.revision}, {when(config.applied_unix_s)} UTC by {config.author}{message}"
            )
    out.print()
    if not compared.meaning.changes:
        out.print("it means the same" if compared.files else "the same files")
    for change in compared.meaning.changes:
        sign, colour = _SIGNS.get(change.kind, ("?", ""))
        detail = f": {change.detail}" if change.detail else ""
        out.print(f"{sign} {change.what} {change.name}{detail}", style=colour)
    if compared.meaning.more:
        out.print(f"and {compared.meaning.more} more changes")
    for file in compared.files:
        out.print()
        for line in file.lines:
            out.print(line, style=_COLOURS.get(line[:1], ""))


def _as_json(compared: Compared) -> Mapping[str, object]:
    meaning = json_format.MessageToDict(
        compared.meaning, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return {**meaning, "files": [asdict(file) for file in compared.files]}
