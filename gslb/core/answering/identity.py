"""What a dns server knows of itself, whatever it serves: what it calls itself, and what it knows its cookies by."""

from __future__ import annotations

from dataclasses import dataclass, field

MAX_NSID_BYTES = 128
"""So that it always fits, beside the longest question and all other options."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """`nsid`: told to who asks (RFC 5001); empty = to nobody.

    `secrets`: of cookies, 16 octets each; the first one makes new ones, all are taken. None: COOKIE options are passed
    over.
    """

    nsid: bytes = b""
    secrets: tuple[bytes, ...] = field(default=(), repr=False)


NOBODY = Identity()
"""Tells nothing of itself."""
