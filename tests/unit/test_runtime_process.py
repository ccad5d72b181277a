"""How processes end: a signal is enough, whatever is still at work."""

from __future__ import annotations

import signal
import subprocess
import sys

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


@pytest.mark.parametrize("program", [BUSY, IDLE], ids=["busy", "idle"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_well(program: str, number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", program.format(patience_s=1)], stdout=subprocess.PIPE, text=True
    ) as running:
        try:
            assert running.stdout is not None
            assert running.stdout.readline() == "runs\n"
            running.send_signal(number)
            assert running.wait(timeout=30) == 0
        finally:
            running.kill()


def test_a_second_signal_ends_it_at_once() -> None:
    stubborn = BUSY.replace(
        "await asyncio.to_thread(threading.Event().wait)",
        """try:
        await asyncio.Event().wait()
    finally:
        print("asked", flush=True)
        await asyncio.Event().wait()""",
    )
    with subprocess.Popen(
        [sys.executable, "-c", stubborn.format(patience_s=60)], stdout=subprocess.PIPE, text=True
    ) as running:
        try:
            assert running.stdout is not None
            assert running.stdout.readline() == "runs\n"
            running.send_signal(signal.SIGTERM)
            assert running.stdout.readline() == "asked\n"
            running.send_signal(signal.SIGTERM)
            assert running.wait(timeout=30) == 130
        finally:
            running.kill()
