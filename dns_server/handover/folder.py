"""The folder of a dns server's files, which one process has at a time, and may share with the one that takes over."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from gslb.runtime.logs import get_logger


class Folder:
    """Made and opened, not locked yet.

    The lock belongs to what is open and not to a process: whoever gets the descriptor has it too, and it ends when the
    last one closes it or dies. It lies on the folder itself, since a full or read-only disk must not stop answers.
    """

    def __init__(self, path: Path) -> None:
        """Raises OSError when there is none and none can be made."""
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    @property
    def door(self) -> str:
        """Where its owner can be spoken to; by the descriptor, since paths of sockets must be short."""
        return f"/proc/self/fd/{self.descriptor}/hand-over"

    def lock(self) -> bool:
        """False when another process has it."""
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:  # some network file systems
            get_logger("dns").warning("folder not locked", folder=str(self.path), error=str(error))
        return True

    def share(self, descriptor: int) -> None:
        """Have the lock of whoever passed this descriptor of the same folder."""
        self.close()
        self.descriptor = descriptor

    def close(self) -> None:
        """Leave it to whom it is shared with, or to nobody; more than once does no harm."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
