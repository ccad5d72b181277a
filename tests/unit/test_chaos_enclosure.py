"""Where `make chaos` cannot have namespaces it says what it needs, and fails."""

from __future__ import annotations

from pathlib import Path

import pytest
from chaos import enclosure


def program(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def test_a_missing_program_is_named_with_its_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert enclosure.enter("chaos", []) != 0
    said = capsys.readouterr().err
    assert "unshare (package util-linux)" in said
    assert "ip (package iproute2)" in said


def test_who_may_not_make_namespaces_is_told_who_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("nsenter", "mount", "ip"):
        program(tmp_path, name, "exit 0")
    program(tmp_path, "unshare", "echo unshare failed: Operation not permitted >&2; exit 1")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert enclosure.enter("chaos", []) != 0
    said = capsys.readouterr().err
    assert "run it as root" in said
    assert "Operation not permitted" in said
