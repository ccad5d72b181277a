"""How processes end: a signal is enough, whatever is still at work."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pytest

BUSY = """
import asyncio, threading
from gslb.runtime import process

async def main():
    print("runs", flush=True)
    await asyncio.to_thread(threading.Event().wait)

process.END_WITHIN_S = {patience_s}
raise SystemExit(process.run(main()))
"""
IDLE = BUSY.replace("asyncio.to_thread(threading.Event().wait)", "asyncio.Event().wait()")


@contextmanager
def running(program: str, patience_s: int) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """The process, which runs, and what it says from then on; killed at the end."""
    command = [sys.executable, "-c", program.format(patience_s=patience_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "runs\n"
            yield process, process.stdout
        finally:
            process.kill()


@pytest.mark.parametrize("program", [BUSY, IDLE], ids=["busy", "idle"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_well(program: str, number: signal.Signals) -> None:
    with running(program, 1) as (process, _):
        process.send_signal(number)
        assert process.wait(timeout=30) == 0


def test_a_second_signal_ends_it_at_once() -> None:
    stubborn = BUSY.replace(
        "await asyncio.to_thread(threading.Event().wait)",
        """try:
        await asyncio.Event().wait()
    finally:
        print("asked", flush=True)
        await asyncio.Event().wait()""",
    )
    with running(stubborn, 60) as (process, said):
        process.send_signal(signal.SIGTERM)
        assert said.readline() == "asked\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 130
