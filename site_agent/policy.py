"""Which addresses an agent refuses to probe, whoever asks: a probe must not become a way into the machine it runs on.

Refused unless one of the site's `probe_allow` networks covers the address: the machine itself, its links, everything
that is not one host, the metadata services of clouds, and forms of IPv6 that carry an IPv4 address (they would walk
around the rules for that address). Private networks are where servers stand, so they are probed.

Both targets and `probe_allow` come from coordinators. What stands above them is `--probe-only` on the agent's machine.
"""

from __future__ import annotations

from ipaddress import ip_network

from gslb.core.errors import GslbError
from gslb.core.model import IPAddress, IPNetwork

_REFUSED: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "a metadata service",
        (
            "169.254.169.254/32",
            "169.254.170.2/32",
            "100.100.100.200/32",
            "168.63.129.16/32",
            "192.0.0.192/32",
            "fd00:ec2::254/128",
            "fd20:ce::254/128",
        ),
    ),
    ("a loopback address", ("127.0.0.0/8", "::1/128")),
    ("a link-local address", ("169.254.0.0/16", "fe80::/10")),
    ("an unspecified address", ("0.0.0.0/8", "::/128")),
    ("a multicast or broadcast address", ("224.0.0.0/4", "255.255.255.255/32", "ff00::/8")),
    ("a reserved address", ("240.0.0.0/4",)),
    (
        "an IPv4 address in an IPv6 one",
        ("::ffff:0:0/96", "::ffff:0:0:0/96", "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"),
    ),
)
_RULES: tuple[tuple[IPNetwork, str], ...] = tuple(
    (ip_network(network), kind) for kind, networks in _REFUSED for network in networks
)


class ProbeDenied(GslbError):
    """The agent's policy refuses this address."""

    code = "probe-denied"


def check(address: IPAddress, allow: tuple[IPNetwork, ...], only: tuple[IPNetwork, ...] = ()) -> None:
    """Raise ProbeDenied unless this address may be probed. `only`: nothing else, whatever is allowed; () = no bound."""
    if only and not any(address in network for network in only):
        raise ProbeDenied(f"not probed: {address} is outside of what this agent may probe at all (--probe-only)")
    if any(address in network for network in allow):
        return
    for network, kind in _RULES:
        if address in network:
            raise ProbeDenied(f"not probed: {address} is {kind}, and the site's probe_allow does not cover it")
