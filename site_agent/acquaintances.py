"""Where coordinators were said to be, kept for the next start.

So an agent that starts while all those are down that it was given finds the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gslb.core.coordinators import MAX_COORDINATORS
from gslb.runtime.addresses import SocketAddress
from site_agent.notebook import Notebook


def acquaintances(file: Path | None) -> Notebook:
    """One address a line."""
    return Notebook("where coordinators are", file, MAX_COORDINATORS)


def recalled(notebook: Notebook) -> Iterator[str]:
    """Those lines that are addresses."""
    for line in notebook.recall():
        try:
            yield str(SocketAddress.parse(line))
        except ValueError:
            continue
