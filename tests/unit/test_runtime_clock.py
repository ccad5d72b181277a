"""The wall clock of tests: wrong by what they say, at once."""

from __future__ import annotations

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
