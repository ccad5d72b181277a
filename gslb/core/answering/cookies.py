"""DNS cookies (RFC 7873, 9018): a client that shows one we made is where it says it is, so that nobody spoofed it.

A server cookie holds a version, the time it was made and a hash over both, the client's cookie and the client's
address. Nothing is kept per client, and every server with the same secret takes it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from hmac import compare_digest

from gslb.core.answering.options import Cookie
from gslb.core.answering.siphash import KEY_BYTES, siphash
from gslb.core.answering.source import Client

SECRET_BYTES = KEY_BYTES
OLDEST_S = 3600
"""What is older is not taken any more (RFC 9018 4.3)."""
FARTHEST_AHEAD_S = 300
"""How far another server's clock may be ahead of ours (RFC 9018 4.3)."""
RENEWED_AFTER_S = 1800
_VERSION = 1
_MADE = struct.Struct("!B3sI")
_SERVER_BYTES = 16


class Outcome(StrEnum):
    """What became of a COOKIE option."""

    NEW = "new"
    """The client knows no cookie of ours yet."""
    VALID = "valid"
    INVALID = "invalid"
    """Not made by us, for another address, or too old."""


@dataclass(frozen=True, slots=True)
class Shown:
    """`reply`: what the COOKIE option of the reply holds."""

    outcome: Outcome
    reply: bytes


def check(cookie: Cookie, client: Client, secrets: Sequence[bytes]) -> Shown:
    """`secrets`: the first one makes new cookies, cookies of all are taken, so that a secret can be rolled over."""
    fresh = cookie.client + make(cookie.client, client, secrets[0])
    if not cookie.server:
        return Shown(Outcome.NEW, fresh)
    age_s = _age_s(cookie, client)
    if age_s is None or not -FARTHEST_AHEAD_S <= age_s <= OLDEST_S:
        return Shown(Outcome.INVALID, fresh)
    maker = next((secret for secret in secrets if _sealed(cookie, client, secret)), None)
    if maker is None:
        return Shown(Outcome.INVALID, fresh)
    keeps = maker == secrets[0] and age_s <= RENEWED_AFTER_S
    return Shown(Outcome.VALID, cookie.client + cookie.server if keeps else fresh)


def make(client_cookie: bytes, client: Client, secret: bytes) -> bytes:
    """The server cookie for a client (RFC 9018 4)."""
    made = _MADE.pack(_VERSION, bytes(3), client.unix_s & 0xFFFF_FFFF)
    return made + siphash(secret, client_cookie + made + client.address.packed)


def _age_s(cookie: Cookie, client: Client) -> int | None:
    """None for what is no cookie of this version. Below 0 when made ahead of us; seconds come round (RFC 1982)."""
    if len(cookie.server) != _SERVER_BYTES:
        return None
    version, made_s = cookie.server[0], int.from_bytes(cookie.server[4:8])
    if version != _VERSION:
        return None
    return (client.unix_s - made_s + (1 << 31)) % (1 << 32) - (1 << 31)


def _sealed(cookie: Cookie, client: Client, secret: bytes) -> bool:
    """Reserved octets may hold anything (RFC 9018 4.2). The time it takes tells nothing of the hash."""
    made, seal = cookie.server[: _MADE.size], cookie.server[_MADE.size :]
    return compare_digest(siphash(secret, cookie.client + made + client.address.packed), seal)
