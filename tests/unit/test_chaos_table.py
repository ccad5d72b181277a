"""What `make chaos` makes of a scenario: its row, and whether its limits hold."""

from __future__ import annotations

import json
from dataclasses import replace
from math import inf

from chaos import table
from chaos.trials import Limits, Outcome, beyond

GOOD = Outcome(
    name="server-killed",
    fault="a server is killed",
    trials=50,
    answers=12_345,
    stale=67,
    false=0,
    lost=0,
    wrong_s=0.09,
    took_s=(*(0.08 for _ in range(98)), 0.3, 0.4),
    limits=Limits(median_s=0.1, p99_s=0.35, worst_s=1.0),
    problems=(),
)


def test_limits_that_hold_and_each_that_does_not() -> None:
    assert beyond(GOOD) == []
    assert beyond(replace(GOOD, took_s=(0.2,))) == ["median 0.200 s, not 0.1"]
    assert beyond(replace(GOOD, took_s=(*GOOD.took_s[:-2], 0.4, 0.4))) == ["p99 0.400 s, not 0.35"]
    assert beyond(replace(GOOD, wrong_s=2.0)) == ["longest wrong time 2.000 s, not 1"]
    assert beyond(replace(GOOD, lost=1, false=2)) == ["1 lost queries", "2 false answers"]
    assert beyond(replace(GOOD, lost=1, limits=Limits(lost=1))) == []


def test_the_table_says_what_failed_and_why() -> None:
    text = table.text([GOOD, replace(GOOD, name="other", problems=("it hung",))])
    rows = [line for line in text.splitlines() if line.startswith("a server is killed")]
    assert [row.split()[-1] for row in rows] == ["ok", "FAILED"]
    assert "12,345" in rows[0]
    assert text.endswith("other is not as it should be:\n  it hung")


def test_json_has_what_the_table_has() -> None:
    row, other = json.loads(table.dump_json([GOOD, replace(GOOD, took_s=(inf,))]))
    assert (other["median_s"], other["took_s"]) == (None, [None])
    assert (row["ok"], row["median_s"], row["p99_s"], row["answers"]) == (True, 0.08, 0.3, 12_345)
