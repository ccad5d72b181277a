"""Python's garbage collector, kept off what is large and has no garbage in it.

A full collection goes over all that a process holds, and all of its threads wait. Models, snapshots and tables of
places are large, live long and hold no reference cycles: going over them again and again, most of all while they grow,
finds nothing and holds up the event loop.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


class _Builders:
    """How many are building, in any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._count = 0

    def enter(self) -> None:
        with self._lock:
            self._count += 1
            gc.disable()

    def leave(self) -> None:
        with self._lock:
            self._count -= 1
            if self._count == 0:
                _set_aside()
                gc.enable()


def _set_aside() -> None:
    """Collect once, then leave all that is held alone until this is called again; what nobody refers to goes anyway."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


_builders = _Builders()


@contextmanager
def building() -> Iterator[None]:
    """While something large is built nothing is collected; when it is there everything is, once, and is set aside."""
    _builders.enter()
    try:
        yield
    finally:
        _builders.leave()


@contextmanager
def loading() -> Iterator[None]:
    """While modules are loaded, which make no garbage, nothing is collected: a tenth of the time of a start."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
