"""Fetching a snapshot: which chunks of a manifest are still missing, and when it is whole."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from dns_server.received import Received
from gslb.api.v1.facts_pb2 import Envelope
from gslb.codec.snapshot import refs

CHUNKS_A_REQUEST = 64


class Fetch:
    """One manifest on its way to a whole snapshot."""

    def __init__(self, envelope: Envelope, held: Mapping[bytes, bytes]) -> None:
        """`held`: chunks of earlier snapshots, of which most are usually the same. Raises InvalidSnapshot."""
        self._envelope = envelope
        self._digests = tuple(ref.digest for ref in refs(envelope.payload))
        self._have = {digest: held[digest] for digest in self._digests if digest in held}
        self._missing = [digest for digest in dict.fromkeys(self._digests) if digest not in self._have]
        self._asked: set[bytes] = set()

    def ask(self) -> tuple[bytes, ...]:
        """Digests to ask for next; none while answers are outstanding."""
        if self._asked:
            return ()
        self._asked.update(self._missing[:CHUNKS_A_REQUEST])
        del self._missing[:CHUNKS_A_REQUEST]
        return tuple(self._asked)

    def ask_again(self) -> tuple[bytes, ...]:
        """What was asked for and has not come."""
        return tuple(self._asked)

    def take(self, content: bytes) -> bool:
        """False for a chunk that was not asked for; which one it is, its own digest tells."""
        digest = sha256(content).digest()
        if digest not in self._asked:
            return False
        self._asked.discard(digest)
        self._have[digest] = content
        return True

    def whole(self) -> Received | None:
        """The snapshot once nothing is missing."""
        if self._asked or self._missing:
            return None
        return Received(envelope=self._envelope, chunks={digest: self._have[digest] for digest in self._digests})
