"""gslb completion: shell completion."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of your shell.

    \b
    bash:  eval "$(gslb completion bash)"      (in ~/.bashrc)
    zsh:   eval "$(gslb completion zsh)"       (in ~/.zshrc)
    fish:  gslb completion fish | source       (in ~/.config/fish/config.fish)
    """
    from gslb.cli.main import main

    kind = get_completion_class(shell)
    if kind is None:
        raise click.ClickException(f"no completion for {shell}")
    click.echo(kind(main, {}, "gslb", "_GSLB_COMPLETE").source())
