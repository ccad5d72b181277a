"""How the dns servers treat those who ask."""

from __future__ import annotations

from typing import Annotated

from gslb.config.schema.base import ONE_OR_MANY, Block, Shorthand, key
from gslb.config.schema.types import Network, NocookieBytes, PerSecond, Slip


class RateLimit(Block):
    """Answers a second over UDP that one client prefix (/24 or /56) gets from one dns server; or `off`."""

    answers: PerSecond = key("To the same question: owner name, type and, where the answer depends on it, ECS.", "1000")
    nxdomain: PerSecond = key("That a name does not exist, by zone.", "500")
    errors: PerSecond = key("With any other response code.", "500")
    client: PerSecond = key("Of all kinds together.", "20000")
    slip: Slip = key("One of so many limited answers goes out, empty and truncated; 0: none does.", "2")
    exempt: Annotated[tuple[Network, ...], ONE_OR_MANY] = key("Clients that are never limited.", [])


def _from_word(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value != "off":
        raise ValueError(f"`{value[:100]}` is not known here: write `off`, or limits as in {{answers: 1000}}")
    return None


RateLimitOrOff = Annotated[RateLimit | None, Shorthand(_from_word, lambda _: [{"enum": ["off"], "title": "a word"}])]


class Dns(Block):
    """How the dns servers treat those who ask."""

    rate_limit: RateLimitOrOff = key("How often one client is answered, or `off`.", {})
    max_nocookie_response: NocookieBytes | None = key(
        "Octets of an answer over UDP to a client without a valid DNS cookie, which has to ask for more over TCP.", None
    )
