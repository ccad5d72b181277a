"""The error tree: one root, a small closed set below it, each with fields, a stable code and a one-line text."""


class GslbError(Exception):
    """Root of every error this project raises on purpose.

    `code` is stable and machine readable; `str(error)` is one line that says what is wrong and what to do.
    """

    code = "gslb"


class InvalidName(GslbError):
    """A text is not a domain name (RFC 1035 2.3.4, RFC 2181 11)."""

    code = "invalid-name"


class InvalidPacket(GslbError):
    """Bytes from the wire are not a DNS message that can be answered.

    `rcode` is the answer to give, or None when the packet must be dropped; `reason` is the counter's label.
    """

    code = "invalid-packet"

    def __init__(self, reason: str, rcode: int | None) -> None:
        super().__init__(f"{reason} (rcode {rcode})" if rcode is not None else f"{reason} (dropped)")
        self.reason = reason
        self.rcode = rcode


class InvalidSnapshot(GslbError):
    """A snapshot, directives or facts payload is corrupt, too large or does not fit together."""

    code = "invalid-snapshot"


class Conflict(GslbError):
    """A compare-and-swap found another revision than the one expected; read again and retry."""

    code = "conflict"


class StoreUnavailable(GslbError):
    """The store cannot be read or written now; nothing was changed, failover goes on without it."""

    code = "store-unavailable"
