"""What an agent refuses to probe unless its site allows it."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from site_agent.policy import ProbeDenied, check

REFUSED = [
    ("127.0.0.1", "loopback"),
    ("127.255.255.255", "loopback"),
    ("::1", "loopback"),
    ("169.254.169.254", "metadata"),
    ("169.254.170.2", "metadata"),
    ("100.100.100.200", "metadata"),
    ("168.63.129.16", "metadata"),
    ("192.0.0.192", "metadata"),
    ("fd00:ec2::254", "metadata"),
    ("fd20:ce::254", "metadata"),
    ("169.254.0.1", "link-local"),
    ("fe80::1", "link-local"),
    ("fe80::1%2", "link-local"),
    ("0.0.0.0", "unspecified"),
    ("0.1.2.3", "unspecified"),
    ("::", "unspecified"),
    ("224.0.0.1", "multicast"),
    ("239.255.255.255", "multicast"),
    ("255.255.255.255", "broadcast"),
    ("ff02::1", "multicast"),
    ("240.0.0.1", "reserved"),
    ("::ffff:127.0.0.1", "IPv4 address in an IPv6"),
    ("::ffff:192.0.2.1", "IPv4 address in an IPv6"),
    ("::ffff:0:192.0.2.1", "IPv4 address in an IPv6"),
    ("::127.0.0.1", "IPv4 address in an IPv6"),
    ("64:ff9b::7f00:1", "IPv4 address in an IPv6"),
    ("64:ff9b:1::a9fe:a9fe", "IPv4 address in an IPv6"),
    ("2002:7f00:1::", "IPv4 address in an IPv6"),
    ("2001:0:7f00:1::", "IPv4 address in an IPv6"),
]
PROBED = ["10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "192.0.2.1", "2001:db8::1", "fd12:3456::1", "2600::1"]


@pytest.mark.parametrize(("text", "kind"), REFUSED)
def test_refused_with_its_kind(text: str, kind: str) -> None:
    with pytest.raises(ProbeDenied, match=kind):
        check(ip_address(text), ())


@pytest.mark.parametrize("text", PROBED)
def test_probed(text: str) -> None:
    check(ip_address(text), ())


@pytest.mark.parametrize(("text", "_kind"), REFUSED)
def test_allowed_where_the_site_says_so(text: str, _kind: str) -> None:
    check(ip_address(text), (ip_network(text.partition("%")[0]),))


def test_allowing_an_address_does_not_allow_its_disguises() -> None:
    allow = (ip_network("127.0.0.0/8"), ip_network("10.0.0.0/8"))
    check(ip_address("127.0.0.1"), allow)
    for disguise in ("::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"):
        with pytest.raises(ProbeDenied):
            check(ip_address(disguise), allow)


def test_beyond_what_the_machine_says_nothing_is_probed_whatever_is_allowed() -> None:
    only, allow = (ip_network("10.1.0.0/16"), ip_network("2001:db8::/32")), (ip_network("0.0.0.0/0"),)
    for text in ("10.1.2.3", "2001:db8::1"):
        check(ip_address(text), allow, only)
    for text in ("10.2.0.1", "192.0.2.1", "127.0.0.1", "2600::1"):
        with pytest.raises(ProbeDenied, match="--probe-only"):
            check(ip_address(text), allow, only)


def test_within_what_the_machine_says_the_rules_hold() -> None:
    with pytest.raises(ProbeDenied, match="loopback"):
        check(ip_address("127.0.0.1"), (), (ip_network("127.0.0.0/8"),))
