"""Where authority, certificates and keys lie: nothing is overwritten, keys are for their owner alone (0600).

DIR/ca.pem  DIR/ca-key.pem                          the authority; its key never leaves this folder
DIR/KIND/NAME/ca.pem  cert.pem  key.pem             what goes to one process (`--tls`)
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Collection
from pathlib import Path

from cryptography import x509

from gslb.core.errors import GslbError
from gslb.core.identity.names import Identity, Kind, check_domain, make_identity
from gslb.pki.certificates import (
    CA_DAYS,
    LEAF_DAYS,
    Pair,
    domain_of,
    dump_certificate,
    dump_key,
    issue,
    load_certificate,
    load_key,
    make_ca,
    make_key,
    renew,
)
from gslb.runtime.secrets import read_secret

CA, CERT, KEY = "ca.pem", "cert.pem", "key.pem"
CA_KEY = "ca-key.pem"


class PkiRefused(GslbError):
    """What was asked for would overwrite something, or something that it needs is missing."""

    code = "pki-refused"


def init_folder(folder: Path, domain: str, now: datetime.datetime, days: int = CA_DAYS) -> x509.Certificate:
    """Make an authority. Raises PkiRefused, InvalidIdentity, OSError."""
    check_domain(domain)
    for path in (folder / CA, folder / CA_KEY):
        _refuse_existing(path, "for another authority name another folder with --dir")
    ca = make_ca(domain, now, days)
    _make_folder(folder)
    _write(folder / CA_KEY, dump_key(ca.key), 0o600)
    _write(folder / CA, dump_certificate(ca.certificate), 0o644)
    return ca.certificate


def issue_folder(
    folder: Path, kind: Kind, name: str, hosts: Collection[str], now: datetime.datetime, days: int = LEAF_DAYS
) -> tuple[Path, Identity]:
    """Make a certificate and its key; the folder that `--tls` wants. Raises as `init_folder`."""
    ca = read_ca(folder)
    identity = make_identity(domain_of(ca.certificate), kind, name)
    place = folder / identity.kind / identity.name
    for path in (place / CERT, place / KEY):
        _refuse_existing(path, f"`gslb pki renew {place}` renews it, or move it away yourself")
    pair = issue(ca, identity, make_key(), now, hosts=hosts, days=days)
    _make_folder(place)
    _write(place / KEY, dump_key(pair.key), 0o600)
    _write(place / CA, dump_certificate(ca.certificate), 0o644)
    _write(place / CERT, dump_certificate(pair.certificate), 0o644)
    return place, identity


def renew_folder(
    folder: Path, place: Path, now: datetime.datetime, *, days: int | None = None, new_key: bool = False
) -> x509.Certificate:
    """Replace the certificate in `place`, and its key only if asked to: so the change is one file, at once or not."""
    ca, old = read_ca(folder), read_pair(place)
    pair = renew(ca, old.certificate, make_key() if new_key else old.key, now, days)
    if new_key:
        _replace(place / KEY, dump_key(pair.key), 0o600)
    _replace(place / CERT, dump_certificate(pair.certificate), 0o644)
    return pair.certificate


def read_ca(folder: Path) -> Pair:
    """Raises PkiRefused, InvalidCertificate, ExposedFile, OSError."""
    if not (folder / CA_KEY).exists():
        raise PkiRefused(f"there is no authority in {folder}: make one with `gslb pki init`, or name it with --dir")
    return _read(folder / CA, folder / CA_KEY)


def read_pair(place: Path) -> Pair:
    """A process's certificate and key. Raises as `read_ca`."""
    if not (place / CERT).exists():
        raise PkiRefused(f"there is no {CERT} in {place}: name the folder that `gslb pki issue` has made")
    return _read(place / CERT, place / KEY)


def _read(certificate: Path, key: Path) -> Pair:
    return Pair(
        certificate=load_certificate(certificate.read_bytes(), str(certificate)),
        key=load_key(read_secret(key), str(key)),
    )


def _refuse_existing(path: Path, remedy: str) -> None:
    if path.exists():
        raise PkiRefused(f"{path} exists and is not overwritten: {remedy}")


def _make_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _write(path: Path, content: bytes, mode: int) -> None:
    """Never over another file, and never readable for others, not even for a moment."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _replace(path: Path, content: bytes, mode: int) -> None:
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    _write(beside, content, mode)
    beside.replace(path)
