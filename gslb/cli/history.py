"""What the commands about earlier configurations share: how revisions are named, listed and completed."""

from __future__ import annotations

import datetime
from collections.abc import Awaitable
from typing import TYPE_CHECKING, TypeVar

import click
import grpc
from click.shell_completion import CompletionItem

from gslb.api.v1 import admin_pb2
from gslb.cli import client, screen
from gslb.core.errors import GslbError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from gslb.api.v1.admin_pb2_grpc import AdminAsyncStub

MAX_LISTED = 100
"""Configurations that a coordinator lists at once."""
_COMPLETION_TIMEOUT_S = 1.0
Answer = TypeVar("Answer")


class RevisionType(click.ParamType[int]):
    """A configuration's revision; the shell completes it from those that are kept."""

    name = "revision"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        if not value.isascii() or not value.isdigit() or not 0 < int(value) < 2**63:
            self.fail(f"'{value}' is no revision: a number from `gslb history`", param, ctx)
        return int(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        request = admin_pb2.ListConfigsRequest()
        try:
            with ctx.scope(cleanup=False):  # where the options for TLS are
                listed = client.call(
                    ctx.params["admin"], lambda stub: stub.ListConfigs(request, timeout=_COMPLETION_TIMEOUT_S)
                )
        except (KeyError, click.ClickException):
            return []
        return [
            CompletionItem(str(config.revision), help=describe(config))
            for config in listed.configs
            if str(config.revision).startswith(incomplete)
        ]


REVISION = RevisionType()


class Overtaken(GslbError):
    """Somebody else has applied something since the revision that was expected; nothing was changed."""

    code = "overtaken"


async def unless_overtaken(stub: AdminAsyncStub, expected: int, call: Awaitable[Answer]) -> Answer:
    """The result of a `call` that goes on only if `expected` (0: any) is in force; Overtaken says who changed what."""
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        if not expected or error.code() is not grpc.StatusCode.ABORTED:
            raise
        since = await list_configs(stub, MAX_LISTED, above=expected)
        if since.in_force == expected:
            raise
        raise Overtaken(_since(since, expected)) from error


def _since(listed: admin_pb2.ListConfigsResponse, expected: int) -> str:
    """What an operator needs to know before applying all the same."""
    if expected > listed.in_force:
        return f"configuration {listed.in_force} is in force and there is no {expected} yet; nothing was changed"
    changes = [f"  {config.revision}  {describe(config)}" for config in listed.configs]
    return "\n".join(
        (
            f"configuration {listed.in_force} is in force, not {expected}; nothing was changed",
            *((f"since {expected}:", *changes) if changes else ()),
            f"`gslb diff {expected} {listed.in_force}` shows what that changed; take it over, then apply with --expect"
            f" {listed.in_force}",
        )
    )


async def list_configs(stub: AdminAsyncStub, limit: int, *, above: int = 0) -> admin_pb2.ListConfigsResponse:
    """The newest `limit` configurations, page by page; only those above a revision."""
    found = await stub.ListConfigs(
        admin_pb2.ListConfigsRequest(limit=min(limit, MAX_LISTED)), timeout=client.CALL_TIMEOUT_S
    )
    while found.more and len(found.configs) < limit and found.configs[-1].revision > above:
        request = admin_pb2.ListConfigsRequest(
            limit=min(limit - len(found.configs), MAX_LISTED), before=found.configs[-1].revision
        )
        page = await stub.ListConfigs(request, timeout=client.CALL_TIMEOUT_S)
        found.configs.extend(page.configs)
        found.more = page.more
    kept = [config for config in found.configs if config.revision > above]
    return admin_pb2.ListConfigsResponse(configs=kept, in_force=found.in_force, more=found.more)


def make_table(configs: Sequence[admin_pb2.ConfigRevision], in_force: int) -> Table:
    shown = screen.table("revision>", "", "applied (UTC)", "by", "files>", "size>", "message")
    for config in configs:
        shown.add_row(
            str(config.revision),
            "in force" if config.revision == in_force else "on trial" if config.revision > in_force else "",
            when(config.applied_unix_s),
            config.author,
            str(config.files),
            size(config.size_bytes),
            config.message,
        )
    return shown


def describe(config: admin_pb2.ConfigRevision) -> str:
    """One line: when, by whom, why."""
    message = f": {config.message}" if config.message else ""
    return f"{when(config.applied_unix_s)} by {config.author or 'nobody'}{message}"


def when(unix_s: int) -> str:
    return f"{datetime.datetime.fromtimestamp(unix_s, datetime.UTC):%Y-%m-%d %H:%M:%S}"


def size(count: int) -> str:
    """`812 B`, `14 kB`, `1.2 MB`."""
    for limit, unit in ((1_000, "B"), (1_000_000, "kB"), (10**9, "MB")):
        if count < limit:
            value = count * 1_000 / limit
            return f"{count} B" if unit == "B" else f"{value:.3g} {unit}"
    return f"{count / 1e9:.3g} GB"
