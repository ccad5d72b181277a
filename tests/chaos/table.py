"""What came out, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from math import isfinite

from chaos.trials import Limits, Outcome

_HEADS = ("fault", "trials", "answers", "wrong", "longest", "median", "p99", "limit", "")


def text(outcomes: Sequence[Outcome]) -> str:
    rows = [_HEADS, *map(_row, outcomes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
    lines = ["  ".join(_cell(row, column, widths[column]) for column in range(len(_HEADS))).rstrip() for row in rows]
    lines.insert(1, "-" * max(map(len, lines)))
    lines += [
        f"\n{one.name} is not as it should be:\n  " + "\n  ".join(one.problems) for one in outcomes if one.problems
    ]
    return "\n".join(lines)


def line(outcome: Outcome) -> str:
    """One row alone, for those who watch."""
    said = zip(_HEADS, _row(outcome), strict=True)
    return ", ".join(f"{head} {cell}".strip() for head, cell in list(said)[1:] if cell)


def dump_json(outcomes: Sequence[Outcome]) -> str:
    """Times that never came are null."""
    rows = [
        {
            **asdict(one),
            "took_s": [_finite(seconds) for seconds in one.took_s],
            "median_s": _finite(one.median_s),
            "p99_s": _finite(one.p99_s),
            "ok": not one.problems,
        }
        for one in outcomes
    ]
    return json.dumps(rows, indent=2, allow_nan=False)


def _finite(seconds: float) -> float | None:
    return seconds if isfinite(seconds) else None


def _row(outcome: Outcome) -> tuple[str, ...]:
    wrong = outcome.stale + outcome.false + outcome.lost
    timed = (_ms(outcome.median_s), _ms(outcome.p99_s)) if outcome.took_s else ("", "")
    longest = _ms(outcome.wrong_s) if wrong else ""
    numbers = (str(outcome.trials), f"{outcome.answers:,}", f"{wrong:,}")
    return (outcome.fault, *numbers, longest, *timed, _limit(outcome.limits), "FAILED" if outcome.problems else "ok")


def _cell(row: Sequence[str], column: int, width: int) -> str:
    return row[column].ljust(width) if column in (0, len(_HEADS) - 2, len(_HEADS) - 1) else row[column].rjust(width)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms"


def _limit(limits: Limits) -> str:
    named = (("median", limits.median_s), ("p99", limits.p99_s), ("longest", limits.worst_s))
    return ", ".join(f"{what} {_ms(most_s)}" for what, most_s in named if most_s is not None) or "none wrong"
