"""TLS settings of probes: one context for all monitors that check certificates, one for those that do not.

Certificates are checked against the system's authorities; the variables SSL_CERT_FILE and SSL_CERT_DIR name others.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass

HANDSHAKE_TIMEOUT_S = 60.0
"""Only a backstop: every probe has its own, shorter time-out."""


class TlsContexts:
    """Made when first needed: reading the authorities takes a while."""

    def __init__(self) -> None:
        self._made: dict[bool, ssl.SSLContext] = {}

    def get(self, *, verify: bool) -> ssl.SSLContext:
        """The shared context that checks certificates, or the one that takes any."""
        if verify not in self._made:
            context = ssl.create_default_context()
            if not verify:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            self._made[verify] = context
        return self._made[verify]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """`name`: sent as SNI unless it is an address, and what the certificate must carry if it is checked."""

    context: ssl.SSLContext
    name: str
