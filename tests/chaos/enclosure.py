"""Namespaces of our own for network, mounts and processes: nothing leaks out, and all of it ends with this program."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_INSIDE = "CHAOS_INSIDE"
_NEEDS = (
    "make chaos needs namespaces of its own for network, mounts and processes: run it as root, or as a user on a Linux "
    "that lets users make namespaces (sysctl kernel.unprivileged_userns_clone=1, or "
    "kernel.apparmor_restrict_unprivileged_userns=0)"
)
_PROGRAMS = {"unshare": "util-linux", "nsenter": "util-linux", "mount": "util-linux", "ip": "iproute2"}


def is_inside() -> bool:
    return _INSIDE in os.environ


def enter(module: str, arguments: Sequence[str]) -> int:
    """Run `python -m MODULE ARGUMENTS` inside and return how it ended."""
    missing = [f"{name} (package {package})" for name, package in _PROGRAMS.items() if shutil.which(name) is None]
    if missing:
        return _refuse(f"make chaos needs {', '.join(missing)}")
    command = ["unshare", *_own_user(), "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    tried = subprocess.run([*command, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        return _refuse(f"{_NEEDS}. What it said: {tried.stderr.strip()}")
    try:
        return subprocess.run(
            [*command, sys.executable, "-m", module, *arguments], env={**os.environ, _INSIDE: "1"}, check=False
        ).returncode
    except KeyboardInterrupt:
        return 130


def prepare() -> None:
    """Inside: a place for the names of namespaces that nobody else sees."""
    subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)
    Path("/run/netns").mkdir()


def _own_user() -> tuple[str, ...]:
    return () if os.geteuid() == 0 else ("--user", "--map-root-user")


def _refuse(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 2
