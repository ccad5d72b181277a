"""Timelines of the health machine as text: `TIME EVENT VERDICT [key=value ...]`, one file a subject.

`monitor` sets the rules, `start` begins with an unknown target. Events: how a probe ended (by cause), `lost` (the
watched connection), `changed` (settings), `denied` (policy). `begun=` says when a probe set out if not when it ended.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.monitors import tcp_monitor

from gslb.core import health as machine
from gslb.core.facts import Cause
from gslb.core.health import Health, Result
from gslb.core.monitors import Monitor

FOLDER = Path(__file__).parent / "health"


def pairs(words: list[str]) -> dict[str, str]:
    return dict(word.split("=", 1) for word in words)


def milliseconds(text: str) -> int:
    return int(text.removesuffix("s")) * 1000


def monitor(words: list[str]) -> Monitor:
    given = pairs(words)
    return tcp_monitor(
        fall=int(given["fall"]),
        rise=int(given["rise"]),
        ok=int(given["ok"]),
        hold_ms=milliseconds(given["hold"]),
        interval_ms=milliseconds(given["interval"]),
        crash=given.get("crash") != "off",
    )


def after(health: Health, rules: Monitor, event: str, now_ms: int, begun_ms: int) -> Health:
    match event:
        case "lost":
            return machine.lose(health, rules, now_ms)
        case "changed":
            return machine.change(health)
        case "denied":
            return machine.deny(health, "not allowed", now_ms)
        case _:
            result = Result(cause=Cause[event.upper()], detail=event, begun_ms=begun_ms, ended_ms=now_ms)
            return machine.observe(health, rules, result)


def shown(health: Health, now_ms: int, key: str) -> str:
    match key:
        case "cause":
            return health.cause.name.lower()
        case "soon":
            return "none" if health.soon_ms is None else str(health.soon_ms)
        case "flaps":
            return str(health.flaps(now_ms))
        case "confirming":
            return "yes" if health.is_confirming else "no"
        case "failures":
            return str(health.failures)
        case "hold":
            return str(health.hold_until_ms - now_ms)
        case _:
            raise ValueError(f"no such expectation: {key}")


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.txt")), ids=lambda file: file.stem)
def test_timeline(file: Path) -> None:
    rules, health = tcp_monitor(), machine.begin(0)
    for number, line in enumerate(file.read_text().splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if words[0] == "monitor":
            rules = monitor(words[1:])
        elif words[0] == "start":
            health = machine.begin(0)
        else:
            now_ms, event, verdict = int(words[0]), words[1], words[2]
            wanted = pairs(words[3:])
            begun_ms = int(wanted.pop("begun", now_ms))
            health = after(health, rules, event, now_ms, begun_ms)
            seen = {key: shown(health, now_ms, key) for key in wanted}
            assert (health.verdict.name.lower(), seen) == (verdict, wanted), f"{file.name}:{number}: {line}"


def test_there_are_timelines() -> None:
    assert {file.stem for file in FOLDER.glob("*.txt")} >= {"changes", "counting", "crash", "flaps", "recovery"}
