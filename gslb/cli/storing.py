"""Which store a coordinator uses, as options of the command line. Secrets come from files and are never shown."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from gslb.runtime.addresses import SocketAddress
from gslb.runtime.secrets import ExposedFile, read_secret
from gslb.store.etcd.options import EtcdOptions, Login, Tls, parse_url

EMBEDDED = "embedded"
Place = tuple[tuple[SocketAddress, ...], str]


class StoreType(click.ParamType["Place | None"]):
    """`embedded`, or `etcd://HOST:PORT,.../PREFIX`."""

    name = "store"

    def convert(
        self, value: str | Place | None, param: click.Parameter | None, ctx: click.Context | None
    ) -> Place | None:
        if not isinstance(value, str):
            return value
        try:
            return None if value == EMBEDDED else parse_url(value)
        except ValueError as error:
            self.fail(f"{error}; or '{EMBEDDED}'", param, ctx)


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OPTIONS = (
    click.option(
        "--store",
        type=StoreType(),
        default=EMBEDDED,
        show_default=True,
        help="What keeps configuration and overrides: embedded (in --data) or etcd://HOST:PORT,HOST:PORT/PREFIX.",
    ),
    click.option("--etcd-ca", type=_FILE, help="Talk TLS to etcd; this CA has signed its certificates (PEM)."),
    click.option("--etcd-cert", type=_FILE, help="Our certificate for etcd (PEM)."),
    click.option("--etcd-key", type=_FILE, help="Its key (PEM)."),
    click.option("--etcd-user", help="Our user in etcd."),
    click.option("--etcd-password-file", type=_FILE, help="Its password; an end of line does not count."),
)


def store_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options; the command gets `etcd`, what they say together (None: the embedded store)."""

    @wraps(command)
    def with_etcd(
        *,
        store: Place | None,
        etcd_ca: Path | None,
        etcd_cert: Path | None,
        etcd_key: Path | None,
        etcd_user: str | None,
        etcd_password_file: Path | None,
        **own: object,
    ) -> object:
        etcd = etcd_options(store, etcd_ca, etcd_cert, etcd_key, etcd_user, etcd_password_file)
        return command(etcd=etcd, **own)

    for option in reversed(_OPTIONS):
        with_etcd = option(with_etcd)
    return with_etcd


def etcd_options(
    place: Place | None,
    ca: Path | None,
    cert: Path | None,
    key: Path | None,
    user: str | None,
    password_file: Path | None,
) -> EtcdOptions | None:
    """None: the embedded store. Raises UsageError for what does not fit together."""
    if place is None:
        _refuse_if(any((ca, cert, key, user, password_file)), "--etcd-... only go with --store etcd://...")
        return None
    _refuse_if((cert is None) != (key is None), "--etcd-cert and --etcd-key go together")
    _refuse_if(cert is not None and ca is None, "--etcd-cert goes with --etcd-ca")
    _refuse_if((user is None) != (password_file is None), "--etcd-user and --etcd-password-file go together")
    endpoints, prefix = place
    options = EtcdOptions(
        endpoints=endpoints, prefix=prefix, tls=_tls(ca, cert, key), login=_login(user, password_file)
    )
    _refuse_if(options.shows_password, "the password would cross the network in plain text: give --etcd-ca")
    return options


def _tls(ca: Path | None, cert: Path | None, key: Path | None) -> Tls | None:
    if ca is None:
        return None
    ours = (cert.read_bytes(), _secret(key)) if cert is not None and key is not None else (None, None)
    return Tls(ca=ca.read_bytes(), cert=ours[0], key=ours[1])


def _login(user: str | None, password_file: Path | None) -> Login | None:
    if user is None or password_file is None:
        return None
    return Login(user=user, password=_secret(password_file).decode(errors="replace").rstrip("\r\n"))


def _secret(path: Path) -> bytes:
    try:
        return read_secret(path)
    except ExposedFile as error:
        raise click.UsageError(str(error)) from None


def _refuse_if(wrong: bool, text: str) -> None:
    if wrong:
        raise click.UsageError(text)
