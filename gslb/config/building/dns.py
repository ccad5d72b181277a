"""The `dns` section: what the dns servers are told about those who ask."""

from __future__ import annotations

from gslb.config.nodes import place
from gslb.config.parse import Config
from gslb.config.problems import Problems
from gslb.core.model import MAX_EXEMPT, DnsSettings, RateLimit


def build_dns(config: Config, problems: Problems) -> DnsSettings:
    max_nocookie_response = config.dns.value.max_nocookie_response
    limit = config.dns.value.rate_limit
    if limit is None:
        return DnsSettings(rate_limit=None, max_nocookie_response=max_nocookie_response)
    if len(limit.exempt) > MAX_EXEMPT:
        mark = place(config.dns.node, "rate_limit", "exempt")
        problems.error(mark, f"`exempt`: more than {MAX_EXEMPT:,} prefixes: name larger ones")
    return DnsSettings(
        rate_limit=RateLimit(
            answers=limit.answers,
            nxdomain=limit.nxdomain,
            errors=limit.errors,
            client=limit.client,
            slip=limit.slip,
            exempt=limit.exempt,
        ),
        max_nocookie_response=max_nocookie_response,
    )
