"""Certificates for tests: an authority in a folder, and what the wrong people might come with."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from gslb.core.identity.names import Kind
from gslb.pki.certificates import dump_certificate, dump_key, make_key
from gslb.pki.folder import init_folder, issue_folder, read_ca, read_pair
from gslb.runtime.tls import Security, TlsFiles

DOMAIN = "aya.test"


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


class Pki:
    """What `gslb pki` makes, and certificates that it would never make."""

    def __init__(self, folder: Path, domain: str = DOMAIN) -> None:
        self.folder = folder
        init_folder(folder, domain, now())

    def issue(self, kind: Kind, name: str, *, days: int = 90, at: datetime.datetime | None = None) -> Security:
        place, _ = issue_folder(self.folder, kind, name, (), at or now(), days)
        return Security(files=TlsFiles.of_folder(place))

    def of(self, kind: Kind, name: str) -> Security:
        """What was issued before."""
        return Security(files=TlsFiles.of_folder(self.folder / kind / name))

    def forge(self, name: str, uris: Iterable[str], by: Security | None = None) -> Security:
        """With any names, signed by our authority, or with the stolen key of somebody who is none.

        `name` is its folder.
        """
        authority, key, place = read_ca(self.folder), make_key(), self.folder / "forged" / name
        signer = authority if by is None or by.files is None else read_pair(by.files.certificate.parent)
        names = [x509.UniformResourceIdentifier(uri) for uri in uris] or [x509.DNSName("nobody.test")]
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(signer.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now() - datetime.timedelta(hours=1))
            .not_valid_after(now() + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .sign(signer.key, hashes.SHA256())
        )
        place.mkdir(parents=True)
        (place / "ca.pem").write_bytes(dump_certificate(authority.certificate))
        chain = [certificate] if signer is authority else [certificate, signer.certificate]
        (place / "cert.pem").write_bytes(b"".join(map(dump_certificate, chain)))
        (place / "key.pem").write_bytes(dump_key(key))
        (place / "key.pem").chmod(0o600)
        return Security(files=TlsFiles.of_folder(place))
