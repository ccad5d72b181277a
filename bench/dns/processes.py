"""Servers under measurement: started on one core, their CPU time and memory read from /proc, ended at the end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.dns.packages import Unavailable

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_SESSION, _USER, _SYSTEM, _RESIDENT = 3, 11, 12, 21
"""Fields of /proc/PID/stat, counted after the closing bracket of the command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What starts a server in the foreground."""

    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a server's processes have used since their start, and hold now."""

    user_s: float
    system_s: float
    resident_bytes: int


@dataclass(slots=True)
class Processes:
    """Everything started here, by name, each the leader of a session of its own; output goes to files in `folder`."""

    folder: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, command: Command, core: int) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self.running[name] = subprocess.Popen(
                ["taskset", "--cpu-list", str(core), *command.arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **command.environment},
                start_new_session=True,
            )

    def check_alive(self, name: str) -> None:
        """Raises Unavailable with the last lines of a server that has ended."""
        status = self.running[name].poll()
        if status is not None:
            said = (self.folder / f"{name}.log").read_text(errors="replace").strip().splitlines()[-3:]
            raise Unavailable(f"ended with status {status}: {' / '.join(said)}")

    def usage(self, name: str) -> Usage:
        """Of all processes in the server's session."""
        fields = list(_session(self.running[name].pid))
        return Usage(
            user_s=sum(int(one[_USER]) for one in fields) * _TICK_S,
            system_s=sum(int(one[_SYSTEM]) for one in fields) * _TICK_S,
            resident_bytes=sum(int(one[_RESIDENT]) for one in fields) * _PAGE_BYTES,
        )

    def forget_peak(self, name: str) -> None:
        """Let `peak_bytes` count from now on."""
        Path(f"/proc/{self.running[name].pid}/clear_refs").write_text("5")

    def peak_bytes(self, name: str) -> int:
        """The most memory that was resident at any one moment, of the server's first process."""
        lines = Path(f"/proc/{self.running[name].pid}/status").read_text().splitlines()
        peak = next(line for line in lines if line.startswith("VmHWM:"))
        return int(peak.split()[1]) * 1024

    def stop(self, name: str) -> None:
        """End a server and all it started; nothing to do when it never ran."""
        process = self.running.pop(name, None)
        if process is not None and process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def stop_all(self) -> None:
        for name in list(self.running):
            self.stop(name)


@contextmanager
def started_in(folder: Path) -> Iterator[Processes]:
    """Whatever was started and still runs at the end is ended, also when this program is by SIGTERM."""
    processes = Processes(folder=folder)
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        yield processes
    finally:
        processes.stop_all()
        signal.signal(signal.SIGTERM, before)


def _session(leader: int) -> Iterator[list[str]]:
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(") ")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[_SESSION]) == leader:
            yield fields


def free_port() -> int:
    """A port of loopback that is free for UDP and TCP now."""
    with socket.socket(type=socket.SOCK_STREAM) as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        port: int = tcp.getsockname()[1]
        udp.bind(("127.0.0.1", port))
    return port


def run_briefly(seconds: float, step_s: float = 0.05) -> Iterator[None]:
    """Come back every `step_s` until `seconds` are over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(step_s)
