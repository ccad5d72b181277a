"""A dns server that restarts with nobody to ask answers before it loads what answering does not need."""

from __future__ import annotations

import subprocess
import sys

LATER = {"aiohttp", "rich", "structlog", "yaml", "dns_server.engines.python", "gslb.core.answering.answer"}
START = (
    "import sys, gslb.cli.main, gslb.cli.commands.dns, dns_server.main, dns_server.engines.native;"
    "print(*sorted(sys.modules))"
)


def test_what_is_loaded_before_the_first_answer() -> None:
    done = subprocess.run([sys.executable, "-c", START], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "dns_server.main" in loaded
    assert loaded & LATER == set()
