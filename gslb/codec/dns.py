"""Settings of the dns servers as protobuf messages. Decoding raises InvalidSnapshot."""

from __future__ import annotations

from gslb.api.v1 import snapshot_pb2 as pb
from gslb.codec.values import load_network
from gslb.core.errors import InvalidSnapshot
from gslb.core.model import MAX_ANSWERS_PER_SECOND, MAX_EXEMPT, MAX_SLIP, NOCOOKIE_BYTES, DnsSettings, RateLimit


def dump_dns(dns: DnsSettings) -> pb.DnsData:
    return pb.DnsData(
        rate_limit=_dump_limit(dns.rate_limit) if dns.rate_limit is not None else None,
        max_nocookie_response=dns.max_nocookie_response or 0,
    )


def load_dns(message: pb.DnsData) -> DnsSettings:
    least, most = NOCOOKIE_BYTES
    if message.max_nocookie_response and not least <= message.max_nocookie_response <= most:
        raise InvalidSnapshot(f"at most {message.max_nocookie_response} octets without a cookie: out of range")
    return DnsSettings(
        rate_limit=_load_limit(message.rate_limit) if message.HasField("rate_limit") else None,
        max_nocookie_response=message.max_nocookie_response or None,
    )


def _dump_limit(limit: RateLimit) -> pb.RateLimitData:
    return pb.RateLimitData(
        answers=limit.answers,
        nxdomain=limit.nxdomain,
        errors=limit.errors,
        client=limit.client,
        slip=limit.slip,
        exempt=[str(network) for network in limit.exempt],
    )


def _load_limit(message: pb.RateLimitData) -> RateLimit:
    rates = (message.answers, message.nxdomain, message.errors, message.client)
    if not all(1 <= rate <= MAX_ANSWERS_PER_SECOND for rate in rates) or message.slip > MAX_SLIP:
        raise InvalidSnapshot(f"a rate limit of {rates} answers a second with slip {message.slip} is out of range")
    if len(message.exempt) > MAX_EXEMPT:
        raise InvalidSnapshot(f"{len(message.exempt)} prefixes are exempt from rate limits: at most {MAX_EXEMPT} may")
    return RateLimit(
        answers=message.answers,
        nxdomain=message.nxdomain,
        errors=message.errors,
        client=message.client,
        slip=message.slip,
        exempt=tuple(load_network(text) for text in message.exempt),
    )
