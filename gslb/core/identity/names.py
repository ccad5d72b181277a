"""Names in certificates: exactly one URI, `spiffe://DOMAIN/KIND/NAME` (SPIFFE X509-SVID)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from gslb.core.errors import GslbError

MAX_URI_CHARACTERS = 2048
_SCHEME = "spiffe://"
_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_SEGMENT = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,128}")


class Kind(StrEnum):
    """What a certificate is for. An agent's name is SITE/NAME, all others have one part."""

    COORDINATOR = "coordinator"
    AGENT = "agent"
    DNS = "dns"
    OPERATOR = "operator"

    @property
    def form(self) -> str:
        return "SITE/NAME" if self is Kind.AGENT else "NAME"


class InvalidIdentity(GslbError):
    """A certificate does not say, in our way, whose it is."""

    code = "invalid-identity"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who somebody is. `domain`: the trust domain; names of two domains have nothing in common."""

    domain: str
    kind: Kind
    name: str

    @property
    def uri(self) -> str:
        return f"{_SCHEME}{self.domain}/{self}"

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


def make_identity(domain: str, kind: Kind, name: str) -> Identity:
    """Raises InvalidIdentity with a sentence for what cannot be a name."""
    check_domain(domain)
    parts = name.split("/")
    if len(parts) != len(kind.form.split("/")) or not all(map(_SEGMENT.fullmatch, parts)):
        raise InvalidIdentity(
            f"'{name[:200]}' cannot name a certificate of kind {kind}: write {kind.form}, each part of up to 128"
            " letters, digits, `-`, `_` and `.`"
        )
    return Identity(domain=domain, kind=kind, name=name)


def check_domain(domain: str) -> None:
    """Raises InvalidIdentity."""
    if len(domain) > 200 or not _DOMAIN.fullmatch(domain):
        raise InvalidIdentity(f"'{domain[:200]}' is no trust domain: write one in lower case, as in aya.example.com")


def parse_identity(uris: Sequence[str]) -> Identity:
    """From all URIs of a certificate; several are refused, lest one of them be overlooked. Raises InvalidIdentity."""
    if len(uris) != 1:
        raise InvalidIdentity(
            f"the certificate has {len(uris)} URI names and must have exactly one: issue it with `gslb pki issue`"
        )
    rest = uris[0].removeprefix(_SCHEME)
    domain, _, path = rest.partition("/")
    kind, _, name = path.partition("/")
    if len(uris[0]) > MAX_URI_CHARACTERS or rest == uris[0] or kind not in {*Kind}:
        raise InvalidIdentity(
            f"the certificate's name '{uris[0][:200]}' is none of ours: issue it with `gslb pki issue`"
        )
    return make_identity(domain, Kind(kind), name)


def server_name(domain: str) -> str:
    """The host name that certificates of coordinators have and no others: what clients check (docs/security.md)."""
    return f"{Kind.COORDINATOR}.{domain}"
