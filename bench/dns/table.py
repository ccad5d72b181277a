"""What was measured, as the text between two marks in docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from bench.dns.rounds import Load, Turn
from bench.dns.servers import ECHO, STATIC

_BEGIN, _END = "<!-- measured: written by make bench, do not edit -->\n", "<!-- end of measured -->\n"
_BASIS = "gdnsd"
_TITLES = {
    ECHO: "echo (the ceiling)",
    "native": "**Aya, native engine**",
    "python": "Aya, Python engine",
    STATIC: "nsd (does not steer)",
}
_ORDER = (ECHO, "native", "gdnsd", "knot", "pdns", STATIC, "python")


def render(
    command: str,
    world_names: int,
    load: Load,
    turns: Mapping[str, Sequence[Turn]],
    absent: Mapping[str, str],
    note: str,
) -> str:
    """The table with what must be known to judge it."""
    rows = [
        _row(name, turns) if name in turns else _absent_row(name, absent[name])
        for name in _ORDER
        if name in {*turns, *absent}
    ]
    rounds = max((len(one) for one in turns.values()), default=0)
    head = [
        f"Made by `{command}`.",
        f"Machine: {machine()}. {note}".strip(),
        f"{world_names:,} names; {rounds} rounds, in each of which every server is flooded for {load.seconds:g} s "
        f"({load.window} queries under way) and asked at a fixed rate for as long; medians over the rounds.",
    ]
    columns = (
        "server",
        "answers/s",
        "user µs",
        "system µs",
        "CPU µs",
        "CPU / echo's",
        f"user / {_BASIS}'s",
        "p50 µs",
        "p99 µs",
        "at queries/s",
        "lost",
        "not answers",
        "memory MB",
        "reply octets",
    )
    lines = [*head, "", _line(columns), _line(["---", *["---:"] * (len(columns) - 1)]), *rows]
    return "\n".join(lines) + "\n"


def put(text: str, into: Path) -> None:
    """Replace what stands between the marks."""
    before, _, rest = into.read_text().partition(_BEGIN)
    _, _, after = rest.partition(_END)
    into.write_text(before + _BEGIN + "\n" + text + "\n" + _END + after)


def machine() -> str:
    """Processor, cores and kernel version; no names."""
    about = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in about if line.startswith("model name")]
    kernel = platform.release().partition("-")[0]
    return f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores, Linux {kernel}"


def _row(name: str, turns: Mapping[str, Sequence[Turn]]) -> str:
    mine = turns[name]
    return _line(
        (
            _TITLES.get(name, name),
            f"{median(turn.answers_per_s for turn in mine):,.0f}",
            f"{median(turn.user_us for turn in mine):.2f}",
            f"{median(turn.system_us for turn in mine):.2f}",
            f"{median(turn.total_us for turn in mine):.2f}",
            _ratio([turn.total_us for turn in mine], [turn.total_us for turn in turns.get(ECHO, ())]),
            _ratio([turn.user_us for turn in mine], [turn.user_us for turn in turns.get(_BASIS, ())]),
            f"{median(turn.p50_us for turn in mine):.0f}",
            f"{median(turn.p99_us for turn in mine):.0f}",
            f"{median(turn.rate for turn in mine):,.0f}",
            f"{sum(turn.lost + turn.late_lost for turn in mine):,}",
            f"{sum(turn.wrong for turn in mine):,}",
            f"{max(turn.resident_bytes for turn in mine) / 1e6:.0f}",
            f"{median(turn.reply_bytes for turn in mine):.0f}",
        )
    )


def _absent_row(name: str, reason: str) -> str:
    return f"| {_TITLES.get(name, name)} | not measured: {reason.replace('|', '/')} |"


def _ratio(mine: Sequence[float], theirs: Sequence[float]) -> str:
    """Median of the ratios within each round."""
    ratios = [one / other for one, other in zip(mine, theirs, strict=False) if other]
    return f"{median(ratios):.2f}" if ratios else ""


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
