"""Which members of other sites this agent has ever seen up, kept for the next start.

Who looks from another site can lose only what it has seen up. Without this an observer that restarts while a member is
lost would have no view of it, and with too few views left the member would come back into the answers.
"""

from __future__ import annotations

from collections.abc import Collection
from hashlib import blake2b
from pathlib import Path

from gslb.core.layouts import Target
from site_agent.notebook import Notebook

MAX_KEPT = 50_000


class Sightings:
    """`notebook`: one digest of a target a line."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook
        self._seen = set(notebook.recall())

    def has(self, target: Target) -> bool:
        return _digest(target) in self._seen

    def note(self, target: Target) -> None:
        """It is up. At home that is of no interest: a site's own agents may lose what they never saw."""
        if target.home and (digest := _digest(target)) not in self._seen:
            self._seen.add(digest)
            self._notebook.note(self._seen)

    async def run(self) -> None:
        """Keep them, until cancelled."""
        await self._notebook.run()

    def keep_only(self, targets: Collection[Target]) -> None:
        """These are all there are to look at."""
        if gone := self._seen.difference(_digest(target) for target in targets if target.home):
            self._seen -= gone
            self._notebook.note(self._seen)


def sightings(file: Path | None) -> Sightings:
    return Sightings(Notebook("which members of other sites were seen up", file, MAX_KEPT))


def _digest(target: Target) -> str:
    text = "\n".join((target.endpoint, target.monitor, str(target.address), target.home or ""))
    return blake2b(text.encode(), digest_size=12).hexdigest()
