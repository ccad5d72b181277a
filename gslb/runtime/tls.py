"""How two of our processes know each other: files of a certificate, reloaded while the process runs.

Without them everything stays on this machine, unless plain text has been asked for by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import grpc

from gslb.core.errors import GslbError
from gslb.core.identity.names import Identity, Kind
from gslb.pki.certificates import InvalidCertificate, identity_of, load_certificate, load_key
from gslb.runtime.addresses import SocketAddress
from gslb.runtime.logs import get_logger
from gslb.runtime.secrets import read_secret


class PlaintextRefused(GslbError):
    """An address beyond this machine would be talked to without TLS."""

    code = "plaintext-refused"


class UnusableCertificate(GslbError):
    """Our certificate's files are missing, broken, exposed or do not fit together."""

    code = "unusable-certificate"


class WrongCertificate(GslbError):
    """The certificate is somebody else's than this process's."""

    code = "wrong-certificate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What the files hold, checked: the key is the certificate's, the name is one of ours."""

    ca: bytes
    certificate: bytes
    key: bytes = field(repr=False)
    identity: Identity
    expires_unix_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """PEM files. `ca`: who signs the certificates of all that we talk to."""

    ca: Path
    certificate: Path
    key: Path

    @classmethod
    def of_folder(cls, folder: Path) -> TlsFiles:
        """As `gslb pki issue` makes it."""
        return cls(ca=folder / "ca.pem", certificate=folder / "cert.pem", key=folder / "key.pem")

    def load(self) -> Material:
        """Raises UnusableCertificate."""
        try:
            return self._load()
        except OSError as error:
            raise UnusableCertificate(
                f"{error.filename}: {error.strerror}: `gslb pki issue` makes such files, --tls names their folder"
            ) from error
        except GslbError as error:
            raise UnusableCertificate(str(error)) from error

    def _load(self) -> Material:
        ca, certificate, key = self.ca.read_bytes(), self.certificate.read_bytes(), read_secret(self.key)
        load_certificate(ca, str(self.ca))
        parsed = load_certificate(certificate, str(self.certificate))
        if load_key(key, str(self.key)).public_key() != parsed.public_key():
            raise InvalidCertificate(f"{self.key} is not the key of {self.certificate}: put the right pair there")
        return Material(
            ca=ca,
            certificate=certificate,
            key=key,
            identity=identity_of(parsed),
            expires_unix_s=int(parsed.not_valid_after_utc.timestamp()),
        )

    def stamp(self) -> tuple[tuple[int, int], ...]:
        """Differs once a file has changed. Raises OSError."""
        found = [path.stat() for path in (self.ca, self.certificate, self.key)]
        return tuple((one.st_mtime_ns, one.st_ino) for one in found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """How a process protects its connections. `plaintext`: beyond this machine too, for whoever has asked for it."""

    files: TlsFiles | None = None
    plaintext: bool = False

    def check(self, addresses: Iterable[SocketAddress]) -> None:
        """Raises PlaintextRefused."""
        if self.files is not None or self.plaintext:
            return
        for address in addresses:
            if not address.is_loopback:
                raise PlaintextRefused(
                    f"{address} is beyond this machine, and there is no TLS: give --tls DIR with a certificate from"
                    " `gslb pki issue`, or --plaintext if nobody else can reach that network"
                )

    def domain(self) -> str | None:
        """Our trust domain; None without TLS. Raises UnusableCertificate."""
        return None if self.files is None else self.files.load().identity.domain

    def check_name(self, kind: Kind, name: str) -> None:
        """That our own certificate, if there is one, is for `kind`/`name`.

        Raises WrongCertificate, UnusableCertificate.
        """
        if self.files is None:
            return
        identity = self.files.load().identity
        if (identity.kind, identity.name) != (kind, name):
            raise WrongCertificate(
                f"{self.files.certificate} is the certificate of {identity}, but this is {kind}/{name}:"
                f" use its own, from `gslb pki issue {kind} {name}`"
            )


LOOPBACK_ONLY = Security()


def server_credentials(files: TlsFiles, on_handshake: Callable[[], None]) -> grpc.ServerCredentials:
    """TLS that asks every client for a certificate, with the files as they are at each handshake.

    Files that cannot be used, as halfway through a renewal, leave the last good ones in force.
    Raises UnusableCertificate.
    """
    fetcher = _Fetcher(files, on_handshake)
    following = cast("Callable[[], grpc.ServerCertificateConfiguration]", fetcher.next)  # None is fine, says gRPC
    return grpc.dynamic_ssl_server_credentials(fetcher.first(), following, require_client_authentication=True)


def client_credentials(material: Material) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(material.ca, material.key, material.certificate)


class _Fetcher:
    """Called in gRPC's own threads, one at a time."""

    def __init__(self, files: TlsFiles, on_handshake: Callable[[], None]) -> None:
        self._files = files
        self._on_handshake = on_handshake
        self._stamp: tuple[tuple[int, int], ...] = ()
        self._log = get_logger("tls")

    def first(self) -> grpc.ServerCertificateConfiguration:
        """Read after the stamp is taken, so that a change in between is seen at the next handshake."""
        with suppress(OSError):
            self._stamp = self._files.stamp()
        return _configuration(self._files.load())

    def next(self) -> grpc.ServerCertificateConfiguration | None:
        """What is new since the last time, None = nothing."""
        self._on_handshake()
        try:
            stamp = self._files.stamp()
            if stamp == self._stamp:
                return None
            material = self._files.load()
        except (UnusableCertificate, OSError) as error:
            self._log.warning("certificate not reloaded: the last good one stays", reason=str(error))
            return None
        self._stamp = stamp
        self._log.info("certificate reloaded", expires_unix_s=material.expires_unix_s)
        return _configuration(material)


def _configuration(material: Material) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(material.key, material.certificate)], root_certificates=material.ca
    )
