"""The configuration file a coordinator may be started with: it counts only where the store holds none."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from gslb.config import DiskSource, load
from gslb.coordinator.audit.entry import Note
from gslb.coordinator.configuration.history import File
from gslb.coordinator.configuration.keeper import Configuration
from gslb.coordinator.configuration.offer import Offer


async def apply_file(configuration: Configuration, path: Path) -> None:
    """Apply `path` with all it names, unless something is in force. Raises ConfigErrors, OSError."""
    if await configuration.record(0) is not None:
        return
    files, known = await asyncio.to_thread(_read, path)
    message = f"first configuration, from {path}"
    note = Note(who="coordinator", peer="", action="apply", what=message)
    offer = Offer(files=files, author="coordinator", message=message, note=note)
    with configuration.offered(files, known) as contents:
        await configuration.apply(offer, contents)


def _read(path: Path) -> tuple[tuple[File, ...], Mapping[bytes, bytes]]:
    loaded = load(DiskSource(path.parent), path.name)
    names = dict.fromkeys((*loaded.files, *loaded.model.geo.databases))
    contents = [(path.parent / name).read_bytes() for name in names]
    files = tuple(
        File(path=name, sha256=sha256(content).digest(), size_bytes=len(content))
        for name, content in zip(names, contents, strict=True)
    )
    return files, {file.sha256: content for file, content in zip(files, contents, strict=True)}
