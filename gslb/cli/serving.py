"""How commands that serve run: logs set up, ended by signals, errors at the start as one line."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import NoReturn

import click

from gslb.core.errors import GslbError
from gslb.runtime import logs, process


def serve(main: Coroutine[object, object, None], log_level: str) -> NoReturn:
    """Run until it ends, then exit. What it could not do is said, with exit status 1."""
    logs.configure(log_level)
    try:
        status = process.run(main)
    except GslbError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(_sentence(error)) from None
    raise SystemExit(status)


def _sentence(error: OSError) -> str:
    """Without its number, which says nothing to people."""
    where = f"{error.filename}: " if error.filename is not None else ""
    return where + (error.strerror or str(error))
