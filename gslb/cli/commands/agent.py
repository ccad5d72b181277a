"""gslb agent: run one site agent; gslb agent forget: take one out of service for good."""

from __future__ import annotations

import socket
from pathlib import Path

import click

from gslb.api.v1 import admin_pb2
from gslb.cli import client, options, screen
from gslb.cli.securing import security, security_options
from gslb.cli.serving import serve
from gslb.core.model import IPNetwork
from gslb.runtime.addresses import SocketAddress


@click.group(invoke_without_command=True)
@click.pass_context
@click.option("--site", help="The site it stands at, as in the configuration.  [required]")
@click.option(
    "--name", default=socket.gethostname, help="Tells several agents of one site apart (default: this host's name)."
)
@options.coordinators
@click.option(
    "--probe-only",
    type=options.NETWORK,
    multiple=True,
    help="Probe nothing outside this network, whatever coordinators say; repeat for several (default: no bound).",
)
@security_options
@options.data
@options.metrics
@options.log_level
def agent(
    context: click.Context,
    site: str | None,
    name: str,
    coordinators: tuple[SocketAddress, ...],
    probe_only: tuple[IPNetwork, ...],
    data: Path,
    metrics: SocketAddress | None,
    log_level: str,
) -> None:
    """Run a site agent: it probes the servers of its site and reports what it sees to every coordinator.

    \b
    gslb agent --site eu-west --coordinator 10.0.0.1:7400
    gslb agent forget eu-west/old-host    once that one is gone for good
    """
    if context.invoked_subcommand is not None:
        return
    if site is None:
        raise click.UsageError("Missing option '--site': the site that it stands at, as in the configuration.")
    from site_agent.main import Options, run

    settings = Options(
        site=site,
        name=name,
        coordinators=coordinators,
        data=data,
        metrics=metrics,
        probe_only=probe_only,
        security=security(),
    )
    serve(run(settings), log_level)


@agent.command()
@click.argument("name", metavar="SITE/NAME")
@click.option("--why", default="", help="The reason, for the audit trail.")
@options.admin
@options.as_json
def forget(name: str, why: str, admin: tuple[SocketAddress, ...], as_json: bool) -> None:
    """Forget an agent that is gone for good: its last verdicts count no more, nor its views of other sites.

    It leaves `gslb status` and its alarm ends, at all coordinators and dns servers. Refused while it is heard, and for
    the last agent of a site with members. If one of that name starts again, it counts again.

    \b
    gslb agent forget eu-west/old-host --why "machine returned"
    """
    request = admin_pb2.ForgetAgentRequest(agent=name, why=why)
    answer = client.call(admin, lambda stub: stub.ForgetAgent(request, timeout=client.CALL_TIMEOUT_S))
    if as_json:
        screen.print_json(answer)
    else:
        click.echo(
            f"agent {name}: forgotten up to boot {answer.forgotten.boot}, directive revision {answer.order.directive}"
        )
