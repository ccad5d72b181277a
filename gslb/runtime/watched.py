"""What files say, read again whenever they change: for what operators may change while a process runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

from gslb.core.errors import GslbError
from gslb.runtime.logs import get_logger

Content = TypeVar("Content")
Stamp = tuple[int, ...] | None
Stamps = Mapping[Path, Stamp]


class Watched(Generic[Content]):
    """`current`: what was read last and could be used. `refused`: how often it could not be.

    `spoilt`: why what is there now cannot be; empty = it is what counts.
    """

    def __init__(
        self,
        part: str,
        what: str,
        files: Callable[[], Iterable[Path]],
        read: Callable[[], Content],
        default: Content | None = None,
    ) -> None:
        """`part`, `what`: for the log. `files`: whose changes count, as they are now.

        `read` raises a GslbError where the files are not to be used; so does this, unless there is a `default`.
        """
        self._what = what
        self._log = get_logger(part)
        self._files = files
        self._read = read
        self.spoilt = ""
        self.refused = 0
        self._stamps = self._look()
        self._gone: set[Path] = set()
        if default is None:
            self.current = read()
        else:
            self.current = default
            self._read_again()

    async def follow(self, changed: Callable[[], None], look_s: float) -> None:
        """Call `changed` whenever `current` is another, until cancelled; what cannot be used changes nothing."""
        while True:
            await asyncio.sleep(look_s)
            if await asyncio.to_thread(self.renew):
                changed()

    def renew(self) -> bool:
        """Read again if the files have changed; whether `current` is another now."""
        stamps = self._look()
        if stamps == self._stamps or self._is_being_replaced(stamps):
            return False
        self._stamps = stamps
        return self._read_again()

    def _is_being_replaced(self, stamps: Stamps) -> bool:
        """A file that is gone counts as gone at the second look: some programs remove it before they write it anew."""
        known, self._gone = self._gone, {path for path in self._stamps if stamps.get(path) is None}
        return not self._gone <= known

    def _read_again(self) -> bool:
        try:
            found = self._read()
        except GslbError as error:
            self.spoilt = f"{self._what}: {error}"
            self.refused += 1
            self._log.error(f"{self._what} refused, keeping what was in force", reason=str(error))
            return False
        self.spoilt = ""
        if found == self.current:
            return False
        self.current = found
        return True

    def _look(self) -> Stamps:
        return {path: _stamp(path) for path in self._files()}


def _stamp(path: Path) -> Stamp:
    """What tells one state of a file from another; None when it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mode, found.st_mtime_ns
