"""What was measured, as tables between marks in docs/benchmarks.md."""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

from bench.dns.rounds import Load, Turn
from bench.dns.servers import ECHO, STATIC

Turns = Mapping[str, Sequence[Turn]]

_BASIS = "gdnsd"
_TITLES = {
    ECHO: "echo (the ceiling)",
    "native": "**Aya, native engine**",
    "python": "Aya, Python engine",
    STATIC: "nsd (does not steer)",
}
_ORDER = (ECHO, "native", "gdnsd", "knot", "pdns", STATIC, "python")


def origin(given: argparse.Namespace) -> str:
    """How and where it was made."""
    command = shlex.join(("python", "-m", given.prog, *sys.argv[1:]))
    return f"Made by `{command}`.\nMachine: {_machine()}. {given.note}".strip() + "\n"


def about(load: Load, given: argparse.Namespace) -> str:
    """What must be known to judge a table of loads."""
    lines = (
        f"{given.rounds} rounds; in each, every server is flooded for {load.seconds:g} s, {load.window} queries under",
        "way, then asked at a fixed rate for as long. Medians over the rounds; *lost* and *not answers* are sums.",
    )
    return origin(given) + "\n".join(lines) + "\n\n"


def of_servers(turns: Turns, absent: Mapping[str, str]) -> str:
    """One row a server, with ratios to the echo and to gdnsd."""
    ratios = (("CPU / echo's", ECHO, _total), (f"user / {_BASIS}'s", _BASIS, _user))
    return _table("server", {name: _TITLES.get(name, name) for name in _ORDER}, turns, absent, ratios)


def of_sizes(turns: Turns, absent: Mapping[str, str]) -> str:
    """One row a size, with ratios to the first."""
    basis = next(iter(turns), "")
    return _table(
        "size", {name: name for name in (*turns, *absent)}, turns, absent, ((f"CPU / {basis}'", basis, _total),)
    )


def put(text: str, section: str, into: Path) -> None:
    """Replace what stands between the marks of that section. Raises ValueError when they are not there."""
    begin, end = f"<!-- measured: {section}, not written by hand -->\n", "<!-- end of measured -->\n"
    before, found, rest = into.read_text().partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"{into} has no place for the section '{section}'")
    into.write_text(f"{before}{begin}\n{text}\n{end}{after}")


def _table(
    what: str,
    titles: Mapping[str, str],
    turns: Turns,
    absent: Mapping[str, str],
    ratios: Sequence[tuple[str, str, Callable[[Turn], float]]],
) -> str:
    heads = [what, "answers/s", "user µs", "system µs", "CPU µs", *(head for head, _, _ in ratios)]
    heads += ["p50 µs", "p99 µs", "at queries/s", "lost", "not answers", "memory MB", "reply octets"]
    lines = [_line(heads), _line(["---", *["---:"] * (len(heads) - 1)])]
    for name, title in titles.items():
        if name in turns:
            against = [_ratio(turns[name], turns.get(basis, ()), of) for _, basis, of in ratios]
            lines.append(_line([title, *_costs(turns[name]), *against, *_service(turns[name])]))
        elif name in absent:
            lines.append(_line([title, f"not measured: {absent[name].replace('|', '/')}", *[""] * (len(heads) - 2)]))
    return "\n".join(lines) + "\n"


def _costs(turns: Sequence[Turn]) -> Sequence[str]:
    return (
        f"{median(turn.answers_per_s for turn in turns):,.0f}",
        f"{median(map(_user, turns)):.2f}",
        f"{median(turn.system_us for turn in turns):.2f}",
        f"{median(map(_total, turns)):.2f}",
    )


def _service(turns: Sequence[Turn]) -> Sequence[str]:
    return (
        f"{median(turn.p50_us for turn in turns):.0f}",
        f"{median(turn.p99_us for turn in turns):.0f}",
        f"{median(turn.rate for turn in turns):,.0f}",
        f"{sum(turn.lost + turn.paced_lost for turn in turns):,}",
        f"{sum(turn.wrong for turn in turns):,}",
        f"{max(turn.resident_bytes for turn in turns) / 1e6:.0f}",
        f"{median(turn.reply_bytes for turn in turns):.0f}",
    )


def _user(turn: Turn) -> float:
    return turn.user_us


def _total(turn: Turn) -> float:
    return turn.user_us + turn.system_us


def _ratio(turns: Sequence[Turn], basis: Sequence[Turn], of: Callable[[Turn], float]) -> str:
    """Median of the ratios within each round."""
    ratios = [of(one) / of(other) for one, other in zip(turns, basis, strict=False) if of(other)]
    return f"{median(ratios):.2f}" if ratios else ""


def _machine() -> str:
    """Processor, cores and kernel version; no names."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    kernel = platform.release().partition("-")[0]
    return f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores, Linux {kernel}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
