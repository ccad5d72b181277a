"""How old is what this dns server answers with, and whether that is too old for its operator.

Old answers are better than none, since "I cannot see it" is never "it is down": there is no limit unless one is given.
Age counts from when any coordinator was last heard, by the monotonic clock; over a restart by the wall clock and the
time of a file, which is touched while one is heard.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from dns_server.engines.base import Engine
from gslb.core.answering.view import View
from gslb.runtime.logs import get_logger

LOOK_S = 1.0
TOUCH_S = 60.0
"""How exact age is over a restart."""


class Freshness:
    """Stands between conclusions and the engine: what is too old is withheld, until a coordinator is heard."""

    def __init__(
        self,
        engine: Engine,
        file: Path,
        max_age_s: float | None,
        *,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
    ) -> None:
        """`file`: touched while a coordinator is heard; it need not exist. `clock` is monotonic."""
        self._engine = engine
        self._file = file
        self._max_age_s = max_age_s
        self._clock = clock
        self._view: View | None = None
        self._heard_s = clock() - _age_of(file, wall_clock())
        self._touched_s = -math.inf
        self.is_heard = False
        """Since this process has started."""
        self.is_too_old = self._exceeds()

    @property
    def age_s(self) -> float:
        """Since a coordinator was heard; where none is known to have been, since the start."""
        return self._clock() - self._heard_s

    @property
    def complaint(self) -> str | None:
        """Why nobody gets an answer; None while all do."""
        if not self.is_too_old:
            return None
        return f"no coordinator was heard for {self.age_s:.0f} s, more than --max-age: every answer is SERVFAIL"

    def publish(self, view: View) -> None:
        """Let the engine answer with this, now or once it is not too old any more."""
        self._view = view
        if not self.is_too_old:
            self._engine.publish(view)

    async def follow(self, beats: Mapping[str, float]) -> None:
        """Until cancelled. `beats`: when each coordinator was last heard."""
        while True:
            self.look(beats)
            if self.is_heard and self._heard_s - self._touched_s >= TOUCH_S:
                self._touched_s = self._heard_s
                await asyncio.to_thread(self._touch)
            await asyncio.sleep(LOOK_S)

    def look(self, beats: Mapping[str, float]) -> None:
        """Take notice of who was heard, and of time."""
        if beats:
            self.is_heard = True
            self._heard_s = max(beats.values())
        was, self.is_too_old = self.is_too_old, self._exceeds()
        if self.is_too_old and not was:
            self._engine.withhold()
            get_logger("dns").error("answers withheld", reason=self.complaint)
        elif was and not self.is_too_old:
            if self._view is not None:
                self._engine.publish(self._view)
            get_logger("dns").info("answering again")

    def _exceeds(self) -> bool:
        return self._max_age_s is not None and self.age_s > self._max_age_s

    def _touch(self) -> None:
        """A disk that refuses is told of where files are saved."""
        with suppress(OSError):
            self._file.touch()


def _age_of(file: Path, now_unix_s: float) -> float:
    """0 when there is no such file, or the clock was set back since."""
    try:
        return max(0.0, now_unix_s - file.stat().st_mtime)
    except OSError:
        return 0.0
