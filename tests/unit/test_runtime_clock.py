"""The wall clock of tests: wrong by what they say, at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gslb.runtime import clock


def test_a_file_steps_the_clock_while_the_process_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "clock"
    monkeypatch.setenv("GSLB_WALL_OFFSET_S", f"@{file}")
    assert clock.wall_offset_s() == 0
    file.write_text("-3600\n")
    assert clock.wall_offset_s() == -3600
    file.write_text("7")
    assert clock.wall_offset_s() == 7


def test_all_processes_of_a_machine_count_from_the_same_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = [sys.executable, "-c", "from gslb.runtime.clock import machine_start; print(machine_start())"]
    assert subprocess.check_output(asked, text=True).strip() == clock.machine_start() != ""
    monkeypatch.setattr(clock, "_BOOT_ID", tmp_path / "none")
    assert clock.machine_start() == ""
