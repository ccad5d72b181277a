"""Options and parameter types that several commands share, so that one thing is said the same way everywhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any, TypeVar

import click

from gslb.cli.securing import security_options
from gslb.core.model import IPNetwork
from gslb.runtime.addresses import SocketAddress

DEFAULT_DNS = "127.0.0.1:5300"
DEFAULT_ADMIN = "127.0.0.1:7400"
DEFAULT_METRICS = "127.0.0.1:7480"

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_UNITS_BYTES = {"k": 1024, "M": 1024**2, "G": 1024**3}


class AddressType(click.ParamType[SocketAddress]):
    """`ADDR:PORT`."""

    name = "addr:port"

    def convert(
        self, value: str | SocketAddress, param: click.Parameter | None, ctx: click.Context | None
    ) -> SocketAddress:
        if isinstance(value, SocketAddress):
            return value
        try:
            return SocketAddress.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class AddressesType(click.ParamType[tuple[SocketAddress, ...]]):
    """`ADDR:PORT,ADDR:PORT,...`"""

    name = "addr:port,..."

    def convert(
        self, value: str | tuple[SocketAddress, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[SocketAddress, ...]:
        if not isinstance(value, str):
            return value
        return tuple(ADDRESS.convert(part.strip(), param, ctx) for part in value.split(","))


class DurationType(click.ParamType[int]):
    """`90s`, `15m`, `2h`, `1d`, to whole seconds."""

    name = "duration"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"(\d+)([smhd])", value.strip())
        if match is None:
            self.fail(f"'{value}' is not a duration: write 90s, 15m, 2h or 1d", param, ctx)
        return int(match[1]) * _UNITS_S[match[2]]


class SizeType(click.ParamType[int]):
    """`800M`, `2G`, to whole bytes."""

    name = "size"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"(\d+)([kMG])", value.strip())
        if match is None:
            self.fail(f"'{value}' is not a size: write 800M or 2G", param, ctx)
        return int(match[1]) * _UNITS_BYTES[match[2]]


class NetworkType(click.ParamType[IPNetwork]):
    """`10.0.0.0/8`, `2001:db8::/32`"""

    name = "prefix"

    def convert(self, value: str | IPNetwork, param: click.Parameter | None, ctx: click.Context | None) -> IPNetwork:
        if not isinstance(value, str):
            return value
        try:
            return ip_network(value)
        except ValueError:
            self.fail(f"'{value}' is not a prefix: write 10.0.0.0/8, without bits behind its length", param, ctx)


ADDRESS = AddressType()
ADDRESSES = AddressesType()
DURATION = DurationType()
SIZE = SizeType()
NETWORK = NetworkType()

config_file = click.option(
    "-f",
    "--file",
    "config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="The configuration, YAML.",
)
_admin = click.option(
    "--admin",
    type=ADDRESSES,
    default=DEFAULT_ADMIN,
    envvar="GSLB_ADMIN",
    show_default=True,
    help="A coordinator; of several with commas between them the first that answers. Also from GSLB_ADMIN.",
)


def admin(command: Decorated) -> Decorated:
    """Adds the coordinator to call, and how to prove to it who one is (`gslb.cli.securing`)."""
    return _admin(security_options(command))


admin_listen = click.option(
    "--admin",
    type=ADDRESS,
    default=DEFAULT_ADMIN,
    show_default=True,
    help="Listen here for agents, dns servers and operators (gRPC).",
)
listen = click.option(
    "--listen",
    type=ADDRESS,
    multiple=True,
    default=[DEFAULT_DNS],
    show_default=True,
    help="Answer DNS here, UDP and TCP; repeat for several.",
)
engine = click.option(
    "--engine",
    type=click.Choice(["auto", "native", "python"]),
    default="auto",
    show_default=True,
    help="What answers the queries; auto is the fastest there is.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs instead of tables for people.")
metrics = click.option("--metrics", type=ADDRESS, help="Serve /metrics, /livez and /readyz here (default: nowhere).")
coordinators = click.option(
    "--coordinator",
    "coordinators",
    type=ADDRESS,
    multiple=True,
    default=[DEFAULT_ADMIN],
    show_default=True,
    help="A coordinator to talk to; repeat for several.",
)
data = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default="aya-data",
    show_default=True,
    help="Folder for what must survive a restart.",
)
log_level = click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="Least severe event that is logged (to standard error).",
)
