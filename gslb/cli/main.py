"""The `gslb` command: a table of subcommands, each imported only when it is used."""

from __future__ import annotations

import os
from difflib import get_close_matches
from importlib import import_module

import click

from gslb import __version__

os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
"""Before gRPC is loaded: of itself it writes a line for every handshake that it refuses, as many as strangers like."""

SECTIONS: dict[str, tuple[str, ...]] = {
    "Run": ("up", "coordinator", "agent", "dns", "demo"),
    "Configure": ("check", "apply", "get", "history", "diff", "rollback", "rollout", "schema"),
    "Look": ("status", "explain"),
    "Operate": ("drain", "undrain", "force-up", "force-down", "clear", "failback"),
    "Keep": ("backup", "restore"),
    "Secure": ("pki", "keys", "audit"),
    "Shell": ("completion",),
}

MODULES = {
    "undrain": "overrides",
    "drain": "overrides",
    "force-up": "overrides",
    "force-down": "overrides",
    "clear": "overrides",
}
"""Commands that do not stand in a module of their own name."""


class Sections(click.Group):
    """Lists subcommands by what one wants to do and loads them on demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for names in SECTIONS.values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = import_module(f"gslb.cli.commands.{MODULES.get(cmd_name, cmd_name)}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = self.list_commands(ctx)
        if args[0] not in known and not args[0].startswith("-"):
            near = get_close_matches(args[0], known, n=1)
            raise click.UsageError(
                f"No such command '{args[0]}'. "
                + (f"Did you mean '{near[0]}'?" if near else "`gslb --help` lists them."),
                ctx,
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section, names in SECTIONS.items():
            with formatter.section(section):
                commands = [(name, self.get_command(ctx, name)) for name in names]
                formatter.write_dl([(name, command.get_short_help_str(120)) for name, command in commands if command])


@click.group(
    cls=Sections,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Start with `gslb demo`, then `gslb up -f gslb.yaml`. `gslb COMMAND --help` explains each.",
)
@click.version_option(__version__, prog_name="gslb")
def main() -> None:
    """Aya, a global server load balancer with an authoritative DNS front end.

    Delegate a zone to it; site agents probe your servers, coordinators spread what they see, and dns servers answer
    every client with the addresses that serve it best now.
    """
