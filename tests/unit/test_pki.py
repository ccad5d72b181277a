"""The small authority: names, purposes, modes; nothing overwritten, nothing secret shown."""

from __future__ import annotations

import datetime
import re
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID
from support.certificates import DOMAIN, Pki, now

from gslb.cli.main import main
from gslb.core.identity.names import InvalidIdentity, Kind
from gslb.pki.certificates import InvalidCertificate, hosts_of, identity_of, load_certificate
from gslb.pki.folder import PkiRefused, issue_folder, read_ca, read_pair, renew_folder


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    return Pki(tmp_path / "pki")


def gslb(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_a_certificate_has_one_name_and_one_purpose(pki: Pki) -> None:
    place, identity = issue_folder(pki.folder, Kind.AGENT, "eu/a1", (), now())
    certificate = read_pair(place).certificate
    assert identity_of(certificate) == identity
    assert identity.uri == f"spiffe://{DOMAIN}/agent/eu/a1"
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.UniformResourceIdentifier(identity.uri)]
    purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert certificate.not_valid_after_utc - now() < datetime.timedelta(days=90)


def test_a_coordinator_has_the_name_that_clients_check_and_its_hosts(pki: Pki) -> None:
    place, _ = issue_folder(pki.folder, Kind.COORDINATOR, "c1", ("c1.example.com", "10.0.0.1", "::1"), now())
    certificate = read_pair(place).certificate
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [f"coordinator.{DOMAIN}", "c1.example.com"]
    assert hosts_of(certificate) == ["c1.example.com", "10.0.0.1", "::1"]


@pytest.mark.parametrize("kind", [Kind.AGENT, Kind.DNS, Kind.OPERATOR])
def test_nobody_else_gets_host_names(pki: Pki, kind: Kind) -> None:
    name = "a/b" if kind is Kind.AGENT else "a"
    with pytest.raises(InvalidCertificate, match="leave them out"):
        issue_folder(pki.folder, kind, name, (f"coordinator.{DOMAIN}",), now())
    assert not (pki.folder / kind).exists()


def test_keys_are_for_their_owner_alone(pki: Pki) -> None:
    place, _ = issue_folder(pki.folder, Kind.DNS, "ns1", (), now())
    for key in (pki.folder / "ca-key.pem", place / "key.pem"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_nothing_is_overwritten(pki: Pki) -> None:
    place, _ = issue_folder(pki.folder, Kind.DNS, "ns1", (), now())
    before = [path.read_bytes() for path in (pki.folder / "ca-key.pem", place / "key.pem", place / "cert.pem")]
    assert gslb("pki", "init", "--dir", pki.folder, "--domain", "other.test").exit_code == 1
    with pytest.raises(PkiRefused, match="not overwritten"):
        issue_folder(pki.folder, Kind.DNS, "ns1", (), now())
    assert before == [path.read_bytes() for path in (pki.folder / "ca-key.pem", place / "key.pem", place / "cert.pem")]


def test_what_stands_in_the_way_is_said_with_the_way_out(pki: Pki) -> None:
    issue_folder(pki.folder, Kind.DNS, "ns1", (), now())
    with pytest.raises(PkiRefused, match=f"gslb pki renew {pki.folder}/dns/ns1"):
        issue_folder(pki.folder, Kind.DNS, "ns1", (), now())
    with pytest.raises(PkiRefused, match="another folder with --dir"):
        Pki(pki.folder)


def test_names_that_cannot_be_read_are_none(pki: Pki) -> None:
    """An X.400 address among them, as some other authority might sign it: a reason to refuse, not to fail."""
    authority = read_ca(pki.folder)
    names = x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, b"\x30\x02\xa3\x00")
    certificate = (
        x509.CertificateBuilder(x509.Name([]), x509.Name([]), authority.key.public_key(), 1, now(), now())
        .add_extension(names, critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    with pytest.raises(InvalidIdentity, match="has 0 URI names"):
        identity_of(certificate)


@pytest.mark.parametrize("new_key", [False, True])
def test_renewal_keeps_the_name_the_hosts_and_the_lifetime(pki: Pki, new_key: bool) -> None:
    place, identity = issue_folder(pki.folder, Kind.COORDINATOR, "c1", ("10.0.0.1",), now(), days=7)
    before = read_pair(place)
    later = now() + datetime.timedelta(days=6)
    renew_folder(pki.folder, place, later, new_key=new_key)
    after = read_pair(place)
    assert (identity_of(after.certificate), hosts_of(after.certificate)) == (identity, ["10.0.0.1"])
    assert after.certificate.serial_number != before.certificate.serial_number
    assert abs(after.certificate.not_valid_after_utc - later - datetime.timedelta(days=7)) < datetime.timedelta(
        minutes=1
    )
    assert (after.key.private_numbers() != before.key.private_numbers()) is new_key
    assert after.key.public_key() == after.certificate.public_key()
    assert stat.S_IMODE((place / "key.pem").stat().st_mode) == 0o600


def test_no_certificate_outlives_the_authority(pki: Pki) -> None:
    place, _ = issue_folder(pki.folder, Kind.DNS, "ns1", (), now(), days=36_500)
    authority = load_certificate((pki.folder / "ca.pem").read_bytes(), "")
    assert read_pair(place).certificate.not_valid_after_utc == authority.not_valid_after_utc


def test_another_authority_does_not_renew_it(pki: Pki, tmp_path: Path) -> None:
    place, _ = issue_folder(pki.folder, Kind.DNS, "ns1", (), now())
    other = Pki(tmp_path / "other", "other.test")
    with pytest.raises(InvalidCertificate, match="another trust domain"):
        renew_folder(other.folder, place, now())


@pytest.mark.parametrize("domain", ["", "Aya.test", "aya test", "aya.test/", "-a.test", "a..b"])
def test_what_is_no_domain(tmp_path: Path, domain: str) -> None:
    with pytest.raises(InvalidIdentity, match="trust domain"):
        Pki(tmp_path / "pki", domain)
    assert not (tmp_path / "pki").exists()


def test_the_command_from_init_to_show(tmp_path: Path) -> None:
    folder = tmp_path / "pki"
    done = [gslb("pki", "init", "--dir", folder, "--domain", DOMAIN)]
    done.append(gslb("pki", "issue", "coordinator", "c1", "--dir", folder, "--host", "10.0.0.1", "--days", "3"))
    place = folder / "coordinator" / "c1"
    done.append(gslb("pki", "renew", place, "--dir", folder, "--days", "5"))
    done += [gslb("pki", "show", place), gslb("pki", "show", folder / "ca.pem")]
    assert [result.exit_code for result in done] == [0] * 5, [result.output for result in done]
    assert f"spiffe://{DOMAIN}/coordinator/c1" in done[3].output
    assert "hosts   10.0.0.1" in done[3].output
    assert re.search(r"\([45] days left\)", done[3].output)
    assert "(an authority)" in done[4].output
    secrets = (folder / "ca-key.pem").read_text(), (place / "key.pem").read_text()
    said = "".join(result.output for result in done)
    assert "PRIVATE" not in said
    assert not any(line in said for secret in secrets for line in secret.splitlines()[1:-1])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("issue", "dns", "ns1", "--dir", "{missing}"), "gslb pki init"),
        (("issue", "agent", "a1", "--dir", "{pki}"), "SITE/NAME"),
        (("issue", "dns", "ns1", "--dir", "{pki}", "--host", "10.0.0.1"), "leave them out"),
        (("issue", "coordinator", "c1", "--dir", "{pki}", "--host", "ü"), "neither an address nor a host name"),
        (("renew", "{pki}", "--dir", "{pki}"), "cert.pem"),
        (("show", "{key}"), "no certificate in PEM form"),
    ],
)
def test_what_goes_wrong_is_a_sentence(pki: Pki, tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    places = {"missing": tmp_path / "missing", "pki": pki.folder, "key": pki.folder / "ca-key.pem"}
    result = gslb("pki", *(argument.format(**places) for argument in arguments))
    assert result.exit_code == 1
    assert says in result.output
    assert "Traceback" not in result.output
    assert "PRIVATE" not in result.output
