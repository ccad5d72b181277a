"""Certificates as values: made, renewed and read; no files here.

Keys are ECDSA P-256, which every gRPC's TLS takes. Only coordinators' certificates may stand for a TLS server.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gslb.core.errors import GslbError
from gslb.core.identity.names import Identity, Kind, parse_identity, server_name

CA_DAYS = 3653
LEAF_DAYS = 90
BACKDATED = datetime.timedelta(minutes=5)
"""For clocks that are a little late."""
Key = ec.EllipticCurvePrivateKey


class InvalidCertificate(GslbError):
    """A certificate or key cannot be used; the text says which and why."""

    code = "invalid-certificate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: Key = field(repr=False)


def make_key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def make_ca(domain: str, now: datetime.datetime, days: int = CA_DAYS) -> Pair:
    """An authority for the trust domain: signs certificates, not other authorities."""
    key = make_key()
    name = _name(f"Aya CA of {domain}")
    builder = _builder(name, name, key.public_key(), now, now + datetime.timedelta(days=days))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(is_ca=True), critical=True)
    builder = builder.add_extension(x509.SubjectAlternativeName([_uri(f"spiffe://{domain}")]), critical=False)
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return Pair(certificate=builder.add_extension(own, critical=False).sign(key, hashes.SHA256()), key=key)


def domain_of(ca: x509.Certificate) -> str:
    """The trust domain an authority is for. Raises InvalidCertificate."""
    uris = uris_of(ca)
    if len(uris) != 1 or not uris[0].startswith("spiffe://") or "/" in uris[0].removeprefix("spiffe://"):
        raise InvalidCertificate("this is no authority that `gslb pki init` has made")
    return uris[0].removeprefix("spiffe://")


def issue(
    ca: Pair,
    identity: Identity,
    key: Key,
    now: datetime.datetime,
    *,
    hosts: Collection[str] = (),
    days: int = LEAF_DAYS,
) -> Pair:
    """A certificate for `identity`, no longer valid than the authority's own.

    `hosts`: more names and addresses under which a coordinator is reached by other programs; refused for all others.
    """
    if hosts and identity.kind is not Kind.COORDINATOR:
        raise InvalidCertificate(f"host names are for certificates of coordinators, not of {identity}: leave them out")
    end = min(now + datetime.timedelta(days=days), ca.certificate.not_valid_after_utc)
    builder = _builder(_name(str(identity)), ca.certificate.subject, key.public_key(), now, end)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(is_ca=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage(_purposes(identity.kind)), critical=False)
    builder = builder.add_extension(x509.SubjectAlternativeName(_names(identity, hosts)), critical=False)
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key())
    certificate = builder.add_extension(authority, critical=False).sign(ca.key, hashes.SHA256())
    return Pair(certificate=certificate, key=key)


def renew(ca: Pair, old: x509.Certificate, key: Key, now: datetime.datetime, days: int | None = None) -> Pair:
    """The same name and hosts for another while: as long as before, unless `days` says otherwise."""
    identity = identity_of(old)
    if identity.domain != domain_of(ca.certificate):
        raise InvalidCertificate(f"{identity.uri} is of another trust domain than this authority")
    lifetime = old.not_valid_after_utc - old.not_valid_before_utc - BACKDATED
    return issue(ca, identity, key, now, hosts=hosts_of(old), days=max(1, lifetime.days) if days is None else days)


def identity_of(certificate: x509.Certificate) -> Identity:
    """Raises InvalidIdentity."""
    return parse_identity(uris_of(certificate))


def uris_of(certificate: x509.Certificate) -> list[str]:
    return _sans(certificate).get_values_for_type(x509.UniformResourceIdentifier)


def is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def hosts_of(certificate: x509.Certificate) -> list[str]:
    """Without the name that every coordinator's certificate has."""
    sans = _sans(certificate)
    common = {server_name(uri.removeprefix("spiffe://").partition("/")[0]) for uri in uris_of(certificate)}
    names = [name for name in sans.get_values_for_type(x509.DNSName) if name not in common]
    return [*names, *map(str, sans.get_values_for_type(x509.IPAddress))]


def load_certificate(pem: bytes, what: str) -> x509.Certificate:
    """`what`: where it comes from, for the error. Raises InvalidCertificate."""
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError:
        raise InvalidCertificate(f"{what} is no certificate in PEM form") from None


def load_key(pem: bytes, what: str) -> Key:
    """Raises InvalidCertificate; what it says holds nothing of the key."""
    try:
        key = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError):
        raise InvalidCertificate(f"{what} is no private key in PEM form without a pass phrase") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise InvalidCertificate(f"{what} is not an elliptic-curve key: make one with `gslb pki issue`")
    return key


def dump_certificate(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def dump_key(key: Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime.datetime,
    end: datetime.datetime,
) -> x509.CertificateBuilder:
    return x509.CertificateBuilder(
        subject_name=subject,
        issuer_name=issuer,
        public_key=key,
        serial_number=x509.random_serial_number(),
        not_valid_before=now - BACKDATED,
        not_valid_after=end,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _uri(text: str) -> x509.GeneralName:
    return x509.UniformResourceIdentifier(text)


def _sans(certificate: x509.Certificate) -> x509.SubjectAlternativeName:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, ValueError):
        return x509.SubjectAlternativeName([])


def _names(identity: Identity, hosts: Collection[str]) -> list[x509.GeneralName]:
    names = [_uri(identity.uri)]
    if identity.kind is Kind.COORDINATOR:
        names += map(_host, dict.fromkeys((server_name(identity.domain), *hosts)))
    return names


def _host(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        pass
    try:
        return x509.DNSName(text)
    except ValueError:
        raise InvalidCertificate(f"'{text[:200]}' is neither an address nor a host name in ASCII") from None


def _purposes(kind: Kind) -> Sequence[x509.ObjectIdentifier]:
    both = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
    return both if kind is Kind.COORDINATOR else both[1:]


def _usage(*, is_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_ca,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
