"""gslb explain: why does that client get this address?"""

from __future__ import annotations

import click

from gslb.api.v1 import admin_pb2
from gslb.cli import client, options, screen
from gslb.runtime.addresses import SocketAddress


@click.command()
@click.argument("name")
@click.option("--client", "client_address", required=True, help="An address, or a prefix as ECS carries it.")
@click.option("--type", "rrtype", default="A", show_default=True, help="Record type asked for.")
@options.admin
@options.as_json
def explain(name: str, client_address: str, rrtype: str, admin: tuple[SocketAddress, ...], as_json: bool) -> None:
    """Say step by step why a client gets the answer it gets.

    \b
    gslb explain www.gslb.example.com --client 81.2.69.0/24
    """
    request = admin_pb2.ExplainRequest(name=name, client=client_address, rrtype=rrtype)
    answer = client.call(admin, lambda stub: stub.Explain(request, timeout=client.CALL_TIMEOUT_S))
    if as_json:
        screen.print_json(answer)
        return
    out = screen.console()
    width = max((len(step.what) for step in answer.steps), default=0)
    for step in answer.steps:
        shares = ", ".join(f"{part.name} {screen.percent(part.share)}" for part in step.row)
        out.print(f"{step.what:<{width}}  ", end="", style="cyan")
        out.print(step.text + (f"  ->  {shares}" if shares else ""))
    out.print(f"\n{answer.rcode}, ECS scope /{answer.scope}", style="bold")
    for record in answer.answer:
        out.print(record)
