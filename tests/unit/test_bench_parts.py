"""The pure parts of the benchmark's harness, and that it leaves nothing running: tables, turns, processes."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bench.dns import rounds, table
from bench.dns.packages import Unavailable
from bench.dns.peers import aya
from bench.dns.processes import Processes, Usage
from bench.dns.rounds import Load, Outcome, Server, Turn

TURN = Turn(
    answers_per_s=100_000,
    user_us=0.4,
    system_us=1.6,
    lost=1,
    wrong=0,
    rate=20_000,
    p50_us=50,
    p99_us=90,
    paced_lost=2,
    resident_bytes=40_000_000,
    reply_bytes=61.4,
)


def cells(line: str) -> list[str]:
    return line[2:-2].split(" | ")


def rows(text: str) -> dict[str, Mapping[str, str]]:
    """By what stands first in each row, the others by their heads."""
    heads, _, *lines = map(cells, text.splitlines())
    return {line[0]: dict(zip(heads[1:], line[1:], strict=True)) for line in lines}


# Tables


def test_a_row_shows_medians_of_rounds_and_sums_of_what_was_lost() -> None:
    quick, slow = replace(TURN, answers_per_s=120_000, p99_us=80), replace(TURN, answers_per_s=90_000, lost=5)
    (row,) = rows(table.of_servers({"native": [TURN, quick, slow]}, {})).values()
    assert (row["answers/s"], row["user µs"], row["CPU µs"], row["p99 µs"]) == ("100,000", "0.40", "2.00", "90")
    assert (row["lost"], row["not answers"], row["memory MB"], row["reply octets"]) == ("13", "0", "40", "61")


def test_ratios_are_taken_within_rounds() -> None:
    """So that a round in which the whole machine was slow says nothing about a server."""
    echo = [replace(TURN, user_us=0, system_us=cpu) for cpu in (1, 2, 40)]
    gdnsd = [replace(TURN, user_us=user) for user in (0.2, 0.4, 8)]
    native = [replace(TURN, user_us=0.1 * cpu, system_us=cpu) for cpu in (1, 2, 40)]
    found = rows(table.of_servers({"echo": echo, "gdnsd": gdnsd, "native": native}, {}))
    ours = found["**Aya, native engine**"]
    assert (ours["CPU / echo's"], ours["user / gdnsd's"]) == ("1.10", "0.50")
    assert found["echo (the ceiling)"]["CPU / echo's"] == "1.00"


def test_without_what_it_is_compared_with_a_ratio_is_empty() -> None:
    (row,) = rows(table.of_servers({"native": [TURN]}, {})).values()
    assert (row["CPU / echo's"], row["user / gdnsd's"]) == ("", "")


def test_who_is_absent_has_a_row_that_says_why() -> None:
    found = rows(table.of_servers({"native": [TURN]}, {"knot": "apt-get | dpkg-deb are not here"}))
    assert found["knot"]["answers/s"] == "not measured: apt-get / dpkg-deb are not here"
    assert list(found) == ["**Aya, native engine**", "knot"]


def test_sizes_stand_in_their_order_beside_the_first() -> None:
    turns = {"1,000 names": [TURN], "1,000,000 names": [replace(TURN, system_us=2.0)]}
    found = rows(table.of_sizes(turns, {"9 names": "no memory"}))
    assert list(found) == ["1,000 names", "1,000,000 names", "9 names"]
    assert found["1,000,000 names"]["CPU / 1,000 names'"] == "1.20"


def test_a_table_replaces_what_stands_between_its_marks_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    begin, end = "<!-- measured: a, not written by hand -->\n", "<!-- end of measured -->\n"
    page.write_text(f"before\n{begin}old\n{end}between\n{begin.replace(': a', ': b')}kept\n{end}after\n")
    table.put("new\n", "a", page)
    table.put("newer\n", "a", page)
    assert page.read_text() == (
        f"before\n{begin}\nnewer\n\n{end}between\n{begin.replace(': a', ': b')}kept\n{end}after\n"
    )
    with pytest.raises(ValueError, match="no place for the section 'c'"):
        table.put("new", "c", page)


def test_the_origin_names_the_command_and_the_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["x", "--note", "two words"])
    said = table.origin(argparse.Namespace(prog="bench.dns", note="A busy machine."))
    assert "`python -m bench.dns --note 'two words'`" in said
    assert said.endswith(". A busy machine.\n")


# Rounds


class Measured(Processes):
    """Servers whose every flood costs a second of user time and two of system time."""

    def usage(self, name: str) -> Usage:
        calls = self.calls = getattr(self, "calls", -1) + 1
        return Usage(user_s=calls * 1.0, system_s=calls * 2.0, resident_bytes=calls)


LOAD = Load(
    generator=Path("generator"),
    names=Path("names"),
    prefixes=Path("prefixes"),
    core=1,
    seconds=3,
    window=128,
    rate=20_000,
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, float, int]]:
    """What the generator, which is not run, was asked for: mode, port, seconds, amount."""
    calls: list[tuple[str, int, float, int]] = []

    def generate(load: Load, mode: str, port: int, seconds: float, amount: int, seed: int) -> Outcome:
        calls.append((mode, port, seconds, amount))
        answered = 50_000 if mode == "flood" else amount * 3
        return Outcome(
            sent=answered,
            answered=answered,
            wrong=1,
            lost=7 if mode == "flood" else 4,
            reply_bytes=answered * 60,
            elapsed_s=2.0,
            p50_us=50 if mode == "pace" else 999,
            p99_us=90 if mode == "pace" else 999,
            p999_us=0,
        )

    monkeypatch.setattr(rounds, "_generate", generate)
    return calls


def test_servers_take_turns_after_a_warm_up_that_is_not_kept(
    asked: list[tuple[str, int, float, int]], tmp_path: Path
) -> None:
    servers = [Server(name=name, port=port, reply_bytes=60) for name, port in (("a", 1), ("b", 2))]
    turns = rounds.measure([(server, LOAD) for server in servers], Measured(folder=tmp_path), 2, lambda _: None)
    assert {name: len(of) for name, of in turns.items()} == {"a": 2, "b": 2}
    assert [(mode, port, seconds) for mode, port, seconds, _ in asked] == [
        ("flood", 1, 1.0),
        ("flood", 2, 1.0),
        *[("flood", 1, 3), ("pace", 1, 3), ("flood", 2, 3), ("pace", 2, 3)] * 2,
    ]


def test_cost_is_per_answer_of_the_flood_and_latency_of_the_pace(
    asked: list[tuple[str, int, float, int]], tmp_path: Path
) -> None:
    server = Server(name="a", port=1, reply_bytes=60)
    (turn,) = rounds.measure([(server, LOAD)], Measured(folder=tmp_path), 1, lambda _: None)["a"]
    assert (turn.user_us, turn.system_us, turn.total_us) == (20.0, 40.0, 60.0)
    assert (turn.answers_per_s, turn.p50_us, turn.p99_us) == (25_000, 50, 90)
    assert (turn.lost, turn.paced_lost, turn.wrong, turn.reply_bytes) == (7, 4, 2, 60)
    assert asked[-1][3] == 12_500, "no more than half of what it can do, or latency is that of a queue"


# Processes


def test_a_configuration_that_is_refused_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused before the coordinator is asked, so none is started here."""
    monkeypatch.setattr(Processes, "start", lambda *_: None)
    monkeypatch.setattr(aya, "_await_listener", lambda *_: None)
    with pytest.raises(Unavailable, match=r"cannot be applied: .*zones"):
        aya.start_coordinator(Processes(folder=tmp_path), tmp_path, {"zones": 7}, 0)


HOLDING = """
import signal, sys
from pathlib import Path
from bench.dns.processes import Command, started_in

with started_in(Path(sys.argv[1])) as processes:
    processes.start("child", Command(arguments=["sleep", "600"]), 0)
    print(processes.running["child"].pid, flush=True)
    signal.pause()
"""


def test_what_was_started_is_ended_when_the_program_is_told_to_end(tmp_path: Path) -> None:
    program = subprocess.Popen([sys.executable, "-c", HOLDING, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None
    with program:
        child = int(program.stdout.readline())
        program.send_signal(signal.SIGTERM)
        assert program.wait(timeout=30) == 1
    assert not Path(f"/proc/{child}").exists()
