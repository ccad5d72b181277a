"""Bad and doubtful configurations, and exactly what is said about them.

Each `config/NAME.yaml` has its lines beside it in `NAME.txt`. To accept new texts, run with
GSLB_REWRITE=1 and review the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gslb.config import ConfigErrors, DiskSource, load

FOLDER = Path(__file__).parent / "config"
CASES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("case", CASES)
def test_a_bad_configuration_says_what_and_where(case: str) -> None:
    said = _said(f"{case}.yaml")
    expected = FOLDER / f"{case}.txt"
    if os.environ.get("GSLB_REWRITE"):
        expected.write_text(said, "utf-8")
    assert said == expected.read_text("utf-8")
    assert said


def test_every_expectation_has_its_configuration() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.txt")) == CASES


def _said(name: str) -> str:
    """Every problem in a line; nothing for a configuration without any."""
    try:
        loaded = load(DiskSource(FOLDER), name)
    except ConfigErrors as errors:
        return "".join(f"error {problem}\n" for problem in errors.problems)
    return "".join(f"warning {problem}\n" for problem in loaded.warnings)
