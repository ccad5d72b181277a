"""How a process proves who it is, as options that every command which talks to others has.

The values go beside the command's own, so that no command has to pass them on: `security()` makes sense of them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from gslb.runtime.tls import Security, TlsFiles

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
_KEEP = "gslb.security"


def _keep(ctx: click.Context, param: click.Parameter, value: Path | bool | None) -> None:
    ctx.meta.setdefault(_KEEP, {})[param.name] = value


def _path(name: str, text: str, *, is_folder: bool = False) -> Callable[[Decorated], Decorated]:
    return click.option(
        f"--{name}",
        type=click.Path(exists=True, file_okay=not is_folder, dir_okay=is_folder, path_type=Path),
        envvar=f"GSLB_{name.upper().replace('-', '_')}",
        expose_value=False,
        callback=_keep,
        help=text,
    )


_plaintext = click.option(
    "--plaintext",
    is_flag=True,
    envvar="GSLB_PLAINTEXT",
    expose_value=False,
    callback=_keep,
    help="Talk to other machines without TLS: anyone who reaches the network can then do anything.",
)
_OPTIONS = (
    _path(
        "tls", "Folder with ca.pem, cert.pem and key.pem, as `gslb pki issue` makes it. Or GSLB_TLS.", is_folder=True
    ),
    _path("tls-ca", "In place of ca.pem there. Or GSLB_TLS_CA."),
    _path("tls-cert", "In place of cert.pem there. Or GSLB_TLS_CERT."),
    _path("tls-key", "In place of key.pem there. Or GSLB_TLS_KEY."),
    _plaintext,
)


def security_options(command: Decorated) -> Decorated:
    """Adds the options."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def plaintext_option(command: Decorated) -> Decorated:
    """Adds `--plaintext` alone, where there are no other processes to know."""
    return _plaintext(command)


def security() -> Security:
    """What the options of the command that runs say. Raises UsageError for what does not fit together."""
    given: dict[str, Path | bool | None] = click.get_current_context().meta.get(_KEEP, {})
    folder = given.get("tls")
    in_folder = TlsFiles.of_folder(folder) if isinstance(folder, Path) else None
    ca, cert, key = (given.get(name) for name in ("tls_ca", "tls_cert", "tls_key"))
    plaintext = given.get("plaintext") is True
    if in_folder is None and ca is cert is key is None:
        return Security(plaintext=plaintext)
    if plaintext:
        raise click.UsageError("--plaintext and --tls exclude each other")
    if in_folder is not None:
        ca, cert, key = ca or in_folder.ca, cert or in_folder.certificate, key or in_folder.key
    if not (isinstance(ca, Path) and isinstance(cert, Path) and isinstance(key, Path)):
        raise click.UsageError("--tls-ca, --tls-cert and --tls-key go together; or give --tls DIR, which holds all")
    return Security(files=TlsFiles(ca=ca, certificate=cert, key=key))
