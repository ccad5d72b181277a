"""Child processes that can be killed for real: started, waited for, SIGKILLed, and never left behind."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gslb.core.errors import GslbError
from gslb.runtime.clock import monotonic_s


class DemoFailed(GslbError):
    """Something the demo waited for did not happen."""

    code = "demo-failed"


@dataclass(slots=True)
class Children:
    """The demo's processes by name; each writes its output to a file in `folder`."""

    folder: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *arguments: str) -> None:
        """Start `python ARGUMENTS`; a process of that name must not be running."""
        self.start_program(name, (sys.executable, *arguments))

    def start_program(self, name: str, command: Sequence[str], **environment: str) -> None:
        """The same with any program, and with more in its environment."""
        assert name not in self.running, name
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**_environment(), "PYTHONUNBUFFERED": "1", **environment},
            )

    def kill(self, *names: str) -> None:
        """SIGKILL all of them in one go, then reap them (the kernel ends them without a say of theirs)."""
        ended = [self.running.pop(name) for name in names]
        for process in ended:
            process.kill()
        for process in ended:
            process.wait()

    def kill_all(self) -> None:
        self.kill(*self.running)

    def check_alive(self) -> None:
        """Raises DemoFailed with the last lines of whatever ended by itself."""
        for name, process in self.running.items():
            if process.poll() is not None:
                last = (self.folder / f"{name}.log").read_text(errors="replace").strip().splitlines()[-5:]
                raise DemoFailed(f"{name} ended with status {process.returncode}:\n" + "\n".join(last))


def _environment() -> dict[str, str]:
    """Ours, without the certificate that a person may have set up for his own coordinators."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GSLB_TLS")}


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM, address: str = "127.0.0.1") -> int:
    """A port nobody listens on now, for TCP and UDP alike where it matters."""
    with socket.socket(type=kind) as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
    return port


async def eventually(
    what: str, condition: Callable[[], Awaitable[bool]], *, children: Children, within_s: float = 20.0
) -> float:
    """Wait until `condition()` holds, asking every 20 ms; returns the seconds it took or raises DemoFailed."""
    started = monotonic_s()
    while not await condition():
        children.check_alive()
        if monotonic_s() - started > within_s:
            raise DemoFailed(f"{what}: not within {within_s:.0f} s; the logs are in {children.folder}")
        await asyncio.sleep(0.02)
    return monotonic_s() - started
