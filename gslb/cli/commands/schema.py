"""gslb schema: the configuration's schema for editors and programs."""

from __future__ import annotations

import json

import click

from gslb.config import json_schema


@click.command()
def schema() -> None:
    """Print the JSON Schema of the configuration.

    An editor with a YAML language server completes and checks with it:

    \b
    gslb schema > gslb.schema.json
    # first line of gslb.yaml:
    # yaml-language-server: $schema=gslb.schema.json
    """
    click.echo(json.dumps(json_schema(), indent=2))
