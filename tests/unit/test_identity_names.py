"""Names in certificates: what is one of ours, and what is refused."""

from __future__ import annotations

import pytest

from gslb.core.identity.names import Identity, InvalidIdentity, Kind, make_identity, parse_identity, server_name


@pytest.mark.parametrize(
    ("uri", "kind", "name"),
    [
        ("spiffe://aya.test/coordinator/c1", Kind.COORDINATOR, "c1"),
        ("spiffe://aya.test/agent/eu-west/a1", Kind.AGENT, "eu-west/a1"),
        ("spiffe://aya.test/dns/ns1.example.com", Kind.DNS, "ns1.example.com"),
        ("spiffe://aya.test/operator/alice", Kind.OPERATOR, "alice"),
    ],
)
def test_there_and_back(uri: str, kind: Kind, name: str) -> None:
    identity = parse_identity([uri])
    assert identity == Identity(domain="aya.test", kind=kind, name=name)
    assert identity.uri == uri


@pytest.mark.parametrize("uris", [[], ["spiffe://aya.test/dns/a", "spiffe://aya.test/dns/b"]])
def test_exactly_one(uris: list[str]) -> None:
    with pytest.raises(InvalidIdentity, match=f"has {len(uris)} URI names"):
        parse_identity(uris)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "https://aya.test/dns/a",
        "spiffe://aya.test",
        "spiffe://aya.test/",
        "spiffe://aya.test/dns",
        "spiffe://aya.test/dns/",
        "spiffe://aya.test/dns/a/b",
        "spiffe://aya.test/agent/a",
        "spiffe://aya.test/agent/a/b/c",
        "spiffe://aya.test/agent/../a",
        "spiffe://aya.test/agent//a",
        "spiffe://aya.test/dns/a b",
        "spiffe://aya.test/dns/a%2fb",
        "spiffe://aya.test/dns/a\n",
        "spiffe://aya.test/DNS/a",
        "spiffe://aya.test/root/a",
        "spiffe:///dns/a",
        "spiffe://AYA.test/dns/a",
        "spiffe://user@aya.test/dns/a",
        "spiffe://aya.test:1/dns/a",
        "spiffe://aya.test/dns/" + "a" * 129,
        "spiffe://" + "a." * 150 + "test/dns/a",
    ],
)
def test_what_is_none_of_ours(uri: str) -> None:
    with pytest.raises(InvalidIdentity):
        parse_identity([uri])


def test_names_say_their_form() -> None:
    with pytest.raises(InvalidIdentity, match="write SITE/NAME"):
        make_identity("aya.test", Kind.AGENT, "a1")


def test_only_coordinators_share_the_name_that_clients_check() -> None:
    assert server_name("aya.test") == "coordinator.aya.test"
