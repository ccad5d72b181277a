"""The measurement: rounds in which every server has its turn, so that what disturbs the machine disturbs all alike."""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from bench.dns.processes import Processes

_GRACE_S = 30


class Outcome(TypedDict):
    """What the generator prints."""

    sent: int
    answered: int
    wrong: int
    lost: int
    reply_bytes: int
    elapsed_s: float
    p50_us: float
    p99_us: float
    p999_us: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One that takes part. `reply_bytes`: of its first answer. `process`: what it was started as, if not as `name`."""

    name: str
    port: int
    reply_bytes: int
    process: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How each turn goes: `window` queries under way for `seconds`, then `rate` queries a second for as long."""

    generator: Path
    names: Path
    prefixes: Path
    core: int
    seconds: float
    window: int
    rate: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One server in one round. CPU times are per answer; latencies at the fixed rate, `rate` what was kept of it."""

    answers_per_s: float
    user_us: float
    system_us: float
    lost: int
    wrong: int
    rate: float
    p50_us: float
    p99_us: float
    paced_lost: int
    resident_bytes: int
    reply_bytes: float

    @property
    def total_us(self) -> float:
        return self.user_us + self.system_us


def measure(
    loads: Sequence[tuple[Server, Load]],
    processes: Processes,
    rounds: int,
    say: Callable[[str], None],
    begin: Callable[[Server], None] = lambda _: None,
) -> Mapping[str, Sequence[Turn]]:
    """All turns by server; before each, `begin`. A first round, of one second each, warms up and is not kept."""
    turns: dict[str, list[Turn]] = defaultdict(list)
    for server, load in loads:
        _generate(load, "flood", server.port, 1.0, load.window, seed=1)
    for number in range(1, rounds + 1):
        for server, load in loads:
            begin(server)
            turn = _turn(server, processes, load, seed=1000 + number)
            costs = f"user {turn.user_us:.2f} us, all {turn.total_us:.2f} us"
            say(f"round {number} {server.name}: {turn.answers_per_s:,.0f}/s, {costs}")
            turns[server.name].append(turn)
    return turns


def _turn(server: Server, processes: Processes, load: Load, seed: int) -> Turn:
    before = processes.usage(server.process or server.name)
    flood = _generate(load, "flood", server.port, load.seconds, load.window, seed)
    after = processes.usage(server.process or server.name)
    rate = min(load.rate, int(flood["answered"] / flood["elapsed_s"] / 2))
    paced = _generate(load, "pace", server.port, load.seconds, rate, seed)
    answers = max(flood["answered"], 1)
    return Turn(
        answers_per_s=flood["answered"] / flood["elapsed_s"],
        user_us=(after.user_s - before.user_s) / answers * 1e6,
        system_us=(after.system_s - before.system_s) / answers * 1e6,
        lost=flood["lost"],
        wrong=flood["wrong"] + paced["wrong"],
        rate=paced["sent"] / paced["elapsed_s"],
        p50_us=paced["p50_us"],
        p99_us=paced["p99_us"],
        paced_lost=paced["lost"],
        resident_bytes=after.resident_bytes,
        reply_bytes=flood["reply_bytes"] / answers,
    )


def _generate(load: Load, mode: str, port: int, seconds: float, amount: int, seed: int) -> Outcome:
    """Run the generator on its core."""
    arguments = (f"127.0.0.1:{port}", str(load.names), str(load.prefixes), str(seconds), str(amount), str(seed))
    command = ["taskset", "--cpu-list", str(load.core), str(load.generator), mode, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + _GRACE_S, check=True)
    outcome: Outcome = json.loads(done.stdout)
    return outcome
