"""gslb audit: who has changed what, or tried to."""

from __future__ import annotations

import datetime

import click

from gslb.api.v1 import admin_pb2, facts_pb2
from gslb.cli import client, options, screen
from gslb.runtime.addresses import SocketAddress


@click.command()
@options.admin
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="So many, the newest.")
@options.as_json
def audit(admin: tuple[SocketAddress, ...], limit: int, as_json: bool) -> None:
    """Show who has changed what, and who has tried to: for admins.

    The newest 10,000 changes are kept, and the newest 1,000 attempts.
    """
    request = admin_pb2.GetAuditRequest(limit=limit)
    answer = client.call(admin, lambda stub: stub.GetAudit(request, timeout=client.CALL_TIMEOUT_S))
    if as_json:
        screen.print_json(answer)
        return
    made = screen.table("number>", "when", "who", "from", "action", "what", "order", "outcome")
    for entry in answer.entries:
        when = datetime.datetime.fromtimestamp(entry.unix_s, datetime.UTC)
        made.add_row(
            str(entry.number),
            f"{when:%Y-%m-%d %H:%M:%S}",
            entry.who,
            entry.peer,
            entry.action,
            entry.what,
            _orders(entry),
            entry.outcome,
        )
    screen.console().print(made)


def _orders(entry: admin_pb2.AuditEntry) -> str:
    """Before and after; with the incarnation where that has changed, for then the rest may have fallen."""
    same_store = entry.before.incarnation == entry.after.incarnation
    before, after = (_order(order, same_store) for order in (entry.before, entry.after))
    return after if before == after else f"{before} -> {after}"


def _order(order: facts_pb2.Order, is_short: bool) -> str:
    return f"{order.config}.{order.directive}" if is_short else f"{order.incarnation}.{order.config}.{order.directive}"
