"""Who is at the other end of a call, as TLS has proved it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

import grpc

from gslb.coordinator.audit.entry import Note
from gslb.coordinator.refusals import RpcRefused
from gslb.coordinator.wrapping import Context
from gslb.core.identity.names import Identity, InvalidIdentity, Kind, parse_identity

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

    `unknown`: there is TLS and no name that we know, so he is about to be turned away.
    """

    identity: Identity | None
    peer: str
    unknown: bool = False

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
    try:
        identity = parse_identity([uri.decode(errors="replace") for uri in properties.get("peer_uri", [])])
    except InvalidIdentity as error:
        raise _unknown("name", str(error)) from None
    if identity.domain != domain:
        raise _unknown("domain", f"{identity.uri} is of another trust domain than ours, {domain}: use ours")
    return Caller(identity=identity, peer=peer)


def address_of(context: Context) -> str:
    """gRPC writes `ipv4:192.0.2.1:50000` and `ipv6:%5B2001:db8::1%5D:50000`."""
    return unquote(context.peer()).removeprefix("ipv4:").removeprefix("ipv6:")


def _unknown(reason: str, text: str) -> Denial:
    return Denial(reason, text, grpc.StatusCode.UNAUTHENTICATED)
