"""The options that say who a process is: a folder, single files, the environment, and what does not fit together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from support.certificates import Pki

from gslb.cli.main import main
from gslb.cli.securing import security, security_options
from gslb.core.identity.names import Kind
from gslb.runtime.tls import Security, TlsFiles

ABSENT = dict.fromkeys(("GSLB_TLS", "GSLB_TLS_CA", "GSLB_TLS_CERT", "GSLB_TLS_KEY", "GSLB_PLAINTEXT"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = Pki(tmp_path / "pki").issue(Kind.OPERATOR, "admin").files
    assert files is not None
    return files.key.parent


def understood(*arguments: object, env: Mapping[str, str] | None = None) -> Security | Result:
    """What a command with these options would use, or how it ends."""
    found: list[Security] = []

    @click.command()
    @security_options
    def command() -> None:
        found.append(security())

    result = CliRunner().invoke(command, [str(argument) for argument in arguments], env={**ABSENT, **(env or {})})
    return found[0] if found else result


def test_nothing_stays_on_this_machine() -> None:
    assert understood() == Security()


def test_a_folder_holds_all(folder: Path) -> None:
    wanted = Security(files=TlsFiles.of_folder(folder))
    assert understood("--tls", folder) == wanted
    assert understood(env={"GSLB_TLS": str(folder)}) == wanted


def test_files_may_lie_apart(folder: Path) -> None:
    ca, cert, key = folder / "ca.pem", folder / "cert.pem", folder / "key.pem"
    wanted = Security(files=TlsFiles(ca=ca, certificate=cert, key=key))
    assert understood("--tls-ca", ca, "--tls-cert", cert, "--tls-key", key) == wanted
    env = {"GSLB_TLS_CA": str(ca), "GSLB_TLS_CERT": str(cert), "GSLB_TLS_KEY": str(key)}
    assert understood(env=env) == wanted


def test_one_file_in_place_of_the_folders(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "both.pem"
    other.touch()
    found = understood("--tls", folder, "--tls-ca", other)
    assert found == Security(files=TlsFiles(ca=other, certificate=folder / "cert.pem", key=folder / "key.pem"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--tls-cert", "{folder}/cert.pem"), "go together"),
        (("--tls", "{folder}", "--plaintext"), "exclude each other"),
        (("--tls", "{folder}/nowhere"), "does not exist"),
    ],
)
def test_what_does_not_fit_together(folder: Path, arguments: tuple[str, ...], says: str) -> None:
    result = understood(*(argument.format(folder=folder) for argument in arguments))
    assert isinstance(result, Result)
    assert result.exit_code == 2
    assert says in result.output


def test_plain_text_must_be_asked_for() -> None:
    assert understood("--plaintext") == Security(plaintext=True)


@pytest.mark.parametrize(
    "command",
    [
        ("status", "--admin", "192.0.2.1:7400"),
        ("drain", "site", "us", "--admin", "192.0.2.1:7400"),
        ("audit", "--admin", "192.0.2.1:7400"),
        ("coordinator", "--admin", "0.0.0.0:0", "--data", "{data}"),
        ("agent", "--site", "us", "--coordinator", "192.0.2.1:7400", "--data", "{data}"),
        ("dns", "--coordinator", "192.0.2.1:7400", "--listen", "127.0.0.1:0", "--data", "{data}"),
    ],
    ids=lambda command: command[0],
)
def test_no_command_talks_to_others_without_tls(command: tuple[str, ...], tmp_path: Path) -> None:
    """And each says what to do."""
    arguments = [argument.format(data=tmp_path / "data") for argument in command]
    result = CliRunner().invoke(main, arguments, env=ABSENT)
    assert result.exit_code == 1
    assert "--tls DIR" in result.output
    assert not (tmp_path / "data").exists()


def test_all_in_one_has_no_tls_and_stays_here(tmp_path: Path) -> None:
    (tmp_path / "gslb.yaml").touch()
    arguments = ["up", "-f", str(tmp_path / "gslb.yaml"), "--admin", "0.0.0.0:0", "--data", str(tmp_path / "data")]
    result = CliRunner().invoke(main, arguments, env=ABSENT)
    assert result.exit_code == 2
    assert "--plaintext" in result.output
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("command", ["coordinator", "dns", "agent"])
def test_nobody_starts_with_a_certificate_of_another(command: str, folder: Path, tmp_path: Path) -> None:
    more = ("--site", "us") if command == "agent" else ()
    arguments = [command, "--tls", str(folder), "--name", "x", "--data", str(tmp_path / "data"), *more]
    result = CliRunner().invoke(main, arguments, env=ABSENT)
    assert result.exit_code == 1
    assert f"gslb pki issue {command}" in result.output
