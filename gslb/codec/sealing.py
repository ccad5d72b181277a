"""Envelopes: signed where they are made, checked as received where they are applied, never serialised again between.

Signed is a prefix that no other protocol uses, the kind of content, the order, the key id and the payload, so that
none of them can be exchanged for another. Chunks need no signature: the manifest names them by their digests.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gslb.api.v1.facts_pb2 import Envelope
from gslb.codec.facts import dump_order, load_order
from gslb.core.errors import InvalidSnapshot
from gslb.core.order import Order

KEY_ID_DIGITS = 16
_PREFIX = b"aya-gslb envelope 1\0"
_HEAD = struct.Struct("!QQQ")


class Sealed(StrEnum):
    """What an envelope holds."""

    MANIFEST = "manifest"
    DIRECTIVES = "directives"


class Untrusted(InvalidSnapshot):
    """An envelope that no trusted key has signed. `reason`: one of few words, for counters."""

    code = "untrusted"

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class Signer:
    """Seals what a coordinator sends; without a key it leaves envelopes unsigned."""

    def __init__(self, key: Ed25519PrivateKey | None) -> None:
        self._key = key
        self.key_id = key_id(key.public_key()) if key is not None else ""
        self._last: dict[Sealed, tuple[bytes, Order, bytes]] = {}
        """What was signed last, so that many subscribers at once cost one signature."""

    def seal(self, kind: Sealed, payload: bytes, order: Order) -> Envelope:
        envelope = Envelope(payload=payload, order=dump_order(order), key_id=self.key_id)
        if self._key is not None:
            known = self._last.get(kind)
            if known is None or known[:2] != (payload, order):
                known = self._last[kind] = payload, order, self._key.sign(_signed(kind, envelope))
            envelope.signature = known[2]
        return envelope


NO_SIGNER = Signer(None)


@dataclass(frozen=True, slots=True)
class Trust:
    """Public keys by key id; with none, every envelope is taken: then the channel must vouch for the coordinator."""

    keys: Mapping[str, Ed25519PublicKey] = field(default_factory=dict)

    def check(self, kind: Sealed, envelope: Envelope) -> None:
        """Raises Untrusted."""
        if not self.keys:
            return
        if not envelope.key_id:
            raise Untrusted("unsigned", f"the {kind} of {load_order(envelope.order)} is not signed")
        key = self.keys.get(envelope.key_id)
        if key is None:
            named = envelope.key_id[:KEY_ID_DIGITS]
            raise Untrusted("unknown key", f"the {kind} is signed with key '{named}', which is not trusted here")
        try:
            key.verify(envelope.signature, _signed(kind, envelope))
        except InvalidSignature:
            raise Untrusted("bad signature", f"the {kind} is not what key {envelope.key_id} has signed") from None


ANYBODY = Trust()


def trust_in(keys: Iterable[Ed25519PublicKey]) -> Trust:
    return Trust({key_id(key): key for key in keys})


def key_id(key: Ed25519PublicKey) -> str:
    """A key's name: the beginning of its SHA-256."""
    return sha256(key.public_bytes_raw()).hexdigest()[:KEY_ID_DIGITS]


def _signed(kind: Sealed, envelope: Envelope) -> bytes:
    """The bytes that are signed; no two different envelopes have the same."""
    order = load_order(envelope.order)
    name = envelope.key_id.encode()
    head = _HEAD.pack(order.incarnation, order.config, order.directive)
    return b"".join((_PREFIX, kind.encode(), b"\0", head, len(name).to_bytes(4), name, envelope.payload))
