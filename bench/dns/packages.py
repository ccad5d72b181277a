"""The peers, from Debian's own archive: fetched and unpacked into a folder, never installed.

Nothing is started by a package script, no file of the system changes, and root is not needed: `apt-get download` and
`dpkg-deb --extract` are all it takes.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

NAMES = ("gdnsd", "knot", "knot-module-geoip", "pdns-server", "pdns-backend-geoip", "nsd")
_FETCH_S = 300
_LIBRARIES = "usr/lib/*-linux-gnu"


class Unavailable(Exception):
    """A server cannot take part; the text says why, and what would help."""


def unpack(folder: Path) -> Path:
    """The folder in which the peers lie as they would below `/`; fetched once. Raises Unavailable."""
    root = folder / "root"
    if (folder / ".complete").exists():
        return root
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise Unavailable(f"{tool} is not here: the peers come from Debian or Ubuntu packages")
    folder.mkdir(parents=True, exist_ok=True)
    _run(folder, "apt-get", "download", "-qq", *_missing(folder))
    for package in sorted(folder.glob("*.deb")):
        _run(folder, "dpkg-deb", "--extract", str(package), str(root))
    (folder / ".complete").touch()
    return root


def libraries(root: Path) -> Path:
    """Where the unpacked shared libraries lie."""
    return next(root.glob(_LIBRARIES))


def program(root: Path, name: str) -> str:
    """An unpacked server's path. Raises Unavailable."""
    path = root / "usr" / "sbin" / name
    if not path.exists():
        raise Unavailable(f"{name} is not among the packages of this system")
    return str(path)


def _missing(folder: Path) -> list[str]:
    """The packages, and those they depend on, as far as this system does not have them."""
    options = ("--simulate", "--reinstall", "--no-install-recommends", "-qq")
    lines = _run(folder, "apt-get", "install", *options, *NAMES).splitlines()
    return sorted({line.split()[1] for line in lines if line.startswith("Inst ")})


def _run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_FETCH_S, check=False)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise Unavailable(f"{' '.join(command[:2])} failed ({' '.join(said)}); `apt-get update`, as root, may help")
    return done.stdout
