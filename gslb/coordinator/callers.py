"""Who is at the other end of a call, as TLS has proved it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

import grpc
from cryptography import x509

from gslb.coordinator.audit.entry import Note
from gslb.coordinator.refusals import RpcRefused
from gslb.coordinator.wrapping import Context
from gslb.core.identity.names import Identity, InvalidIdentity, Kind
from gslb.pki.certificates import InvalidCertificate, identity_of, load_certificate

LOCAL, UNKNOWN = "local", "unknown"
_TLS_VERSION = b"TLSv1.3"


class Denial(RpcRefused):
    """A call that its caller may not make. `reason`: a word to count by."""

    def __init__(self, reason: str, text: str, status: grpc.StatusCode = grpc.StatusCode.PERMISSION_DENIED) -> None:
        super().__init__(status, text)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """`identity` None: there is no TLS, so whoever reaches us is trusted. `peer`: the address.

    `unknown`: there is TLS and no name that we know, so he is about to be turned away. `ends_unix_s`: when his
    certificate does, which TLS looks at only when the connection is made; None without TLS.
    """

    identity: Identity | None
    peer: str
    unknown: bool = False
    ends_unix_s: float | None = None

    @property
    def name(self) -> str:
        if self.unknown:
            return UNKNOWN
        return LOCAL if self.identity is None else str(self.identity)

    def author(self, said: str) -> str:
        """Who a change is by: what the certificate says; without one, what he says himself."""
        return said if self.identity is None else self.name

    def note(self, action: str, what: str = "") -> Note:
        """For the audit trail."""
        return Note(who=self.name, peer=self.peer, action=action, what=what)

    def check_is(self, kind: Kind, name: str) -> None:
        """Raises Denial unless the certificate is for `kind`/`name`."""
        if self.identity is not None and (self.identity.kind, self.identity.name) != (kind, name):
            raise Denial(
                "other_name",
                f"{self.identity} cannot speak for {kind}/{name[:200]}: start it under its certificate's name,"
                " or issue one for this name",
            )


def caller_of(context: Context, domain: str | None) -> Caller:
    """`domain`: our own trust domain, None where we serve without TLS. Raises Denial."""
    peer = address_of(context)
    if domain is None:
        return Caller(identity=None, peer=peer)
    properties = context.auth_context()
    if (version := properties.get("ssl_tls_version", [_TLS_VERSION])) != [_TLS_VERSION]:
        shown = b", ".join(version).decode(errors="replace")
        raise _unknown("tls_version", f"TLS 1.3 is needed, this is {shown}: use a newer client")
    certificate = _certificate(properties.get("x509_pem_cert", []))
    try:
        identity = identity_of(certificate)
    except InvalidIdentity as error:
        raise _unknown("name", str(error)) from None
    if identity.domain != domain:
        raise _unknown("domain", f"{identity.uri} is of another trust domain than ours, {domain}: use ours")
    return Caller(identity=identity, peer=peer, ends_unix_s=certificate.not_valid_after_utc.timestamp())


def expired(caller: Caller) -> Denial:
    """For a call by a certificate that was good when its connection was made, and is not any more."""
    return _unknown(
        "expired", f"the certificate of {caller.name} has ended: connect with the next one, from `gslb pki renew`"
    )


def _certificate(found: Iterable[bytes]) -> x509.Certificate:
    """What TLS has accepted. gRPC's own list of its URI names ends each at the first NUL octet. Raises Denial."""
    try:
        (pem,) = found
        return load_certificate(pem, "the certificate of this connection")
    except (ValueError, InvalidCertificate) as error:
        raise _unknown("certificate", f"{error}: connect anew") from None


def address_of(context: Context) -> str:
    """gRPC writes `ipv4:192.0.2.1:50000` and `ipv6:%5B2001:db8::1%5D:50000`."""
    return unquote(context.peer()).removeprefix("ipv4:").removeprefix("ipv6:")


def _unknown(reason: str, text: str) -> Denial:
    return Denial(reason, text, grpc.StatusCode.UNAUTHENTICATED)
