"""gslb pki: a small certificate authority, so that every process can prove who it is."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gslb.core.errors import GslbError
from gslb.core.identity.names import Kind

if TYPE_CHECKING:
    from cryptography import x509

CA_DAYS = 3653
LEAF_DAYS = 90
_days = click.option("--days", type=click.IntRange(min=1, max=36_500), help="How long it holds.")
_folder = click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default="aya-pki",
    show_default=True,
    help="The authority's folder. Keep it off the servers: who has it can be anyone.",
)


class Sentences(click.Group):
    """What goes wrong is said in a line."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (GslbError, OSError) as error:
            raise click.ClickException(str(error)) from None


@click.group(cls=Sentences)
def pki() -> None:
    """Make certificates, so that coordinators, agents, dns servers and operators know each other.

    \b
    gslb pki init --domain aya.example.com           once: an authority, in ./aya-pki
    gslb pki issue coordinator c1 --host 10.0.0.1    aya-pki/coordinator/c1: carry it to that machine
    gslb pki issue agent eu-west/a1                  of site eu-west
    gslb pki issue dns ns1
    gslb pki issue operator admin                    whom every coordinator obeys in everything
    gslb coordinator --tls aya-pki/coordinator/c1 --name c1 --admin 10.0.0.1:7400
    gslb status --tls aya-pki/operator/admin --admin 10.0.0.1:7400
    gslb pki renew aya-pki/dns/ns1                   before it ends; processes take it without a restart

    A process is let in by the name in its certificate: an agent speaks for its own site only, a dns server only
    listens, an operator may do what `access` in the configuration says.
    """


@pki.command()
@_folder
@click.option("--domain", required=True, help="The trust domain, as in aya.example.com; it need not exist in DNS.")
@_days
def init(folder: Path, domain: str, days: int | None) -> None:
    """Make an authority: ca.pem, which everybody may have, and ca-key.pem, which nobody else may (10 years)."""
    from gslb.pki.folder import init_folder

    certificate = init_folder(folder, domain, _now(), days or CA_DAYS)
    click.echo(f"{folder}: authority of {domain}, until {_date(certificate.not_valid_after_utc)}")


@pki.command()
@click.argument("kind", type=click.Choice([kind.value for kind in Kind]))
@click.argument("name")
@_folder
@click.option(
    "--host", "hosts", multiple=True, help="A coordinator's address or host name, for other programs; repeat."
)
@_days
def issue(kind: str, name: str, folder: Path, hosts: tuple[str, ...], days: int | None) -> None:
    """Make a certificate and its key for one process or person (90 days).

    NAME is what the process is started with (`--name`), for an agent SITE/NAME. The folder that this makes is what
    `--tls` wants.

    \b
    gslb pki issue agent eu-west/a1
    gslb pki issue coordinator c1 --host c1.example.com --host 10.0.0.1
    """
    from gslb.pki.folder import issue_folder

    place, identity = issue_folder(folder, Kind(kind), name, hosts, _now(), days or LEAF_DAYS)
    click.echo(f"{place}: {identity.uri}, for {days or LEAF_DAYS} days; start it with --tls {place}")


@pki.command()
@click.argument("place", metavar="FOLDER", type=click.Path(exists=True, file_okay=False, path_type=Path))
@_folder
@click.option("--new-key", is_flag=True, help="Make a new key too.")
@_days
def renew(place: Path, folder: Path, new_key: bool, days: int | None) -> None:
    """Replace the certificate in FOLDER by one for the same name and hosts, for as long as before.

    A process that uses this folder takes it up without a restart; nothing that is connected is cut off.
    """
    from gslb.pki.folder import renew_folder

    certificate = renew_folder(folder, place, _now(), days=days, new_key=new_key)
    click.echo(f"{place}: until {_date(certificate.not_valid_after_utc)}")


@pki.command()
@click.argument("file", type=click.Path(exists=True, path_type=Path))
def show(file: Path) -> None:
    """Say whose a certificate is and until when it holds. FILE: the certificate, or a folder with cert.pem."""
    from gslb.pki.certificates import load_certificate

    path = file / "cert.pem" if file.is_dir() else file
    certificate = load_certificate(path.read_bytes(), str(path))
    for line in _describe(certificate):
        click.echo(line)


def _describe(certificate: x509.Certificate) -> list[str]:
    from gslb.pki.certificates import hosts_of, is_ca, uris_of

    left = certificate.not_valid_after_utc - _now()
    state = f"{left.days} days left" if left.days >= 0 else "EXPIRED"
    if certificate.not_valid_before_utc > _now():
        state = "not valid yet"
    names = uris_of(certificate) or ["no name of ours"]
    hosts = [] if is_ca(certificate) or len(names) > 1 else hosts_of(certificate)
    return [
        f"name    {', '.join(names)}{' (an authority)' if is_ca(certificate) else ''}",
        *([f"hosts   {', '.join(hosts)}"] if hosts else []),
        f"from    {_date(certificate.not_valid_before_utc)}",
        f"until   {_date(certificate.not_valid_after_utc)} ({state})",
        f"serial  {certificate.serial_number:x}",
    ]


def _date(time: datetime.datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"


def _now() -> datetime.datetime:
    from gslb.runtime.clock import wall_unix_s

    return datetime.datetime.fromtimestamp(wall_unix_s(), datetime.UTC)
