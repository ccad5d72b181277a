"""The options that choose a store: what they take, what they refuse, and that secrets stay secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from click import UsageError

from gslb.cli.storing import etcd_options
from gslb.runtime.addresses import SocketAddress
from gslb.store.etcd.options import EtcdOptions, Login, Tls, parse_url

LOOPBACK = ((SocketAddress("127.0.0.1", 2379),), "aya")


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """ca, cert, key and password."""
    made = {name: tmp_path / name for name in ("ca", "cert", "key", "password")}
    for name, path in made.items():
        path.write_text(f"the {name}\n")
        path.chmod(0o640)
    return made


@pytest.mark.parametrize(
    ("text", "endpoints"),
    [
        ("etcd://127.0.0.1:2379/aya", [("127.0.0.1", 2379)]),
        ("etcd://a.example/aya/", [("a.example", 2379)]),
        ("etcd://a:1,b:2,c/aya", [("a", 1), ("b", 2), ("c", 2379)]),
        ("etcd://[::1]:4,[2001:db8::2]/aya", [("::1", 4), ("2001:db8::2", 2379)]),
    ],
)
def test_places_of_a_store(text: str, endpoints: list[tuple[str, int]]) -> None:
    found, prefix = parse_url(text)
    assert [(endpoint.host, endpoint.port) for endpoint in found] == endpoints
    assert prefix == "aya"


def test_a_prefix_may_have_several_parts() -> None:
    assert parse_url("etcd://a/company/aya")[1] == "company/aya"


@pytest.mark.parametrize(
    "text", ["", "etcd", "etcd://a:1", "etcd://a:1/", "etcd:///aya", "http://a/aya", "etcd://a,/aya", "etcd://a:0/aya"]
)
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="etcd://HOST:PORT"):
        parse_url(text)


def test_a_user_in_the_address_is_refused_without_repeating_it() -> None:
    with pytest.raises(ValueError, match="--etcd-user") as refused:
        parse_url("etcd://root:hunter2@a/aya")
    assert "hunter2" not in str(refused.value)


def test_the_embedded_store_takes_no_options_of_etcd(files: dict[str, Path]) -> None:
    assert etcd_options(None, None, None, None, None, None) is None
    with pytest.raises(UsageError, match="only go with --store etcd"):
        etcd_options(None, files["ca"], None, None, None, None)


def test_everything_together(files: dict[str, Path]) -> None:
    options = etcd_options(LOOPBACK, files["ca"], files["cert"], files["key"], "aya", files["password"])
    assert options == EtcdOptions(
        endpoints=LOOPBACK[0],
        prefix="aya",
        tls=Tls(ca=b"the ca\n", cert=b"the cert\n", key=b"the key\n"),
        login=Login(user="aya", password="the password"),
    )
    for text in (str(options), repr(options)):
        assert "the password" not in text
        assert "the key" not in text


def test_halves_are_refused(files: dict[str, Path]) -> None:
    for halves in (
        (files["ca"], files["cert"], None, None, None),
        (files["ca"], None, files["key"], None, None),
        (None, files["cert"], files["key"], None, None),
        (None, None, None, "aya", None),
        (None, None, None, None, files["password"]),
    ):
        with pytest.raises(UsageError, match=r"go(es)? (together|with)"):
            etcd_options(LOOPBACK, *halves)


@pytest.mark.parametrize("name", ["key", "password"])
def test_secrets_that_others_may_read_are_refused(files: dict[str, Path], name: str) -> None:
    files[name].chmod(0o644)
    with pytest.raises(UsageError, match=f"{name}: others may read"):
        etcd_options(LOOPBACK, files["ca"], files["cert"], files["key"], "aya", files["password"])


def test_a_password_never_crosses_a_network_in_plain_text(files: dict[str, Path]) -> None:
    elsewhere = ((SocketAddress("127.0.0.1", 2379), SocketAddress("etcd.example", 2379)), "aya")
    with pytest.raises(UsageError, match="plain text"):
        etcd_options(elsewhere, None, None, None, "aya", files["password"])
    assert etcd_options(LOOPBACK, None, None, None, "aya", files["password"]) is not None
    assert etcd_options(elsewhere, files["ca"], None, None, "aya", files["password"]) is not None
