"""Our own dns server, fed by a coordinator as in production, which runs on the generator's core."""

from __future__ import annotations

import importlib.util
import json
import socket
import subprocess
import sys
import time
from pathlib import Path

from bench.dns import world
from bench.dns.packages import Unavailable
from bench.dns.processes import Command, Processes, free_port

LOWEST_PRIORITY = 19
_START_S = 180
_LOOK_S = 0.05


def start_coordinator(
    processes: Processes, folder: Path, settings: object, core: int, *, niceness: int = LOWEST_PRIORITY
) -> int:
    """A coordinator with that configuration in force; returns its port. Raises Unavailable.

    Where it shares a core with the load generator, that must not wait for it.
    """
    port = free_port()
    config = folder / "gslb.yaml"
    config.write_text(json.dumps(settings, indent=1))
    arguments = _gslb("coordinator", "--admin", f"127.0.0.1:{port}", *_kept(folder / "coordinator"))
    processes.start("coordinator", Command(arguments=["nice", "-n", str(niceness), *arguments]), core)
    _await_listener(processes, port)
    apply = _gslb("apply", str(config), "--admin", f"127.0.0.1:{port}")
    done = subprocess.run(apply, capture_output=True, text=True, timeout=_START_S, check=False)
    if done.returncode != 0:
        raise Unavailable(f"the configuration cannot be applied: {done.stderr.strip()}")
    return port


def _await_listener(processes: Processes, port: int) -> None:
    """Raises Unavailable when the coordinator does not listen in time."""
    end = time.monotonic() + _START_S
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        processes.check_alive("coordinator")
        if time.monotonic() > end:
            raise Unavailable(f"the coordinator does not listen after {_START_S} s")
        time.sleep(_LOOK_S)


def check_engine(name: str) -> None:
    """Raises Unavailable when this installation has no such engine."""
    if name == "native" and importlib.util.find_spec("dns_server._native") is None:
        raise Unavailable("this installation has no native module")


def prepare(folder: Path, port: int, engine: str, coordinator: int) -> Command:
    """A dns server with that engine."""
    listen = ("--listen", f"127.0.0.1:{port}", "--coordinator", f"127.0.0.1:{coordinator}")
    kept = _kept(folder)
    return Command(arguments=_gslb("dns", "--name", engine, "--engine", engine, *listen, *kept))


def _gslb(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "gslb.cli", *arguments]


def _kept(folder: Path) -> tuple[str, ...]:
    return ("--data", str(folder), "--log-level", "warning")


def configuration(of: world.World, database: Path) -> object:
    """The configuration file; JSON is YAML."""
    labels = list(of.labels())
    return {
        "geo": {"database": str(database)},
        "dns": {"rate_limit": "off"},  # all queries come from one address, and no peer limits it either
        "zones": [
            {
                "name": world.ZONE,
                "nameservers": [world.NAME_SERVER],
                "contact": f"hostmaster@{world.ZONE}",
                "records": [{"name": "ns1", "type": "A", "data": "127.0.0.1"}],
            }
        ],
        "defaults": {"ttl": f"{world.TTL_S}s"},
        "pools": [
            {
                "name": f"s{pools}-{place}",
                "members": [{"name": f"s{pools}-{place}", "address": world.address(pools, place)}],
            }
            for pools in range(world.SETS)
            for place in world.PLACES
        ],
        "policies": [{"name": "world", "steering": [_rules(), "weighted"]}],
        "services": [
            {
                "for_each": {"label": [label for label, its in labels if its == pools]},
                "name": f"{{label}}.{world.ZONE}",
                "pools": {place: f"s{pools}-{place}" for place in world.PLACES},
                "policy": "world",
            }
            for pools in range(min(world.SETS, len(labels)))
        ],
    }


def _rules() -> object:
    countries = [{"match": {"country": place}, "try": [place]} for place in world.OWN]
    continents = [{"match": {"continent": place}, "try": [place]} for place in world.CONTINENTS]
    return {"geo": {"rules": countries + continents, "otherwise": [world.OTHERWISE]}}
