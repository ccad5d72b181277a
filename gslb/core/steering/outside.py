"""What other sites' views add to a site's own: the table that docs/concepts.md shows, as pure functions.

Views from outside can take a member out and never bring one back. They count only in agreement: enough sites have lost
the member and none still sees it. So one site, however wrong, takes out nothing that stands elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gslb.core.facts import State, Verdict
from gslb.core.layouts import Target
from gslb.core.monitors import LEAST_QUORUM

_SEEN = frozenset({Verdict.UP, Verdict.RECOVERING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How other sites watch a member: what they probe, and how many must have lost it.

    `always`: they count beside the site's own agents, not only while all of those are silent.
    """

    target: Target
    quorum: int
    always: bool


def is_seen(views: Iterable[tuple[str, State]]) -> bool:
    """Whether some other site sees it."""
    return any(state.verdict in _SEEN for _, state in views)


def loss(views: Iterable[tuple[str, State]], quorum: int) -> State | None:
    """Evidence that a member is lost, from (site, what one of its agents says); None where they do not agree.

    A site has lost it if all its agents that have a verdict say DOWN. One site that still sees it, even if only one of
    several agents does, is enough to keep it.
    """
    lost: dict[str, State] = {}
    for site, state in views:
        if state.verdict in _SEEN:
            return None
        if state.verdict is Verdict.DOWN:
            lost.setdefault(site, state)
    return lost[min(lost)] if len(lost) >= max(LEAST_QUORUM, quorum) else None
