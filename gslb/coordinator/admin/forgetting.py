"""Forgetting agents: what a decommissioned one said last counts no more, until one of its name is heard again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

import grpc

from gslb.config.problems import did_you_mean
from gslb.coordinator.admin.directives import DirectivesKeeper
from gslb.coordinator.admin.overrides import ITSELF
from gslb.coordinator.audit.entry import Note
from gslb.coordinator.refusals import RpcRefused, not_found
from gslb.coordinator.relay.hub import Hub
from gslb.core.directives import Directives, ForgottenAgent
from gslb.core.facts import AgentId, Report
from gslb.core.forgetting import forgotten_by, without
from gslb.runtime.logs import get_logger

MAX_FORGOTTEN = 1_000
"""So that directives stay small; beyond that the oldest goes, which by then hardly anyone still tells of."""
KEEP_S = 30 * 24 * 3600
"""How long a coordinator or dns server may be away without bringing back what was forgotten meanwhile."""


class Forgetting:
    """`wall_clock`: Unix seconds."""

    def __init__(self, keeper: DirectivesKeeper, hub: Hub, wall_clock: Callable[[], int]) -> None:
        self._keeper = keeper
        self._hub = hub
        self._wall_clock = wall_clock
        self._log = get_logger("coordinator")

    async def forget(self, agent: AgentId, note: Note) -> ForgottenAgent:
        """Let nothing count that it has said up to its present boot.

        NOT_FOUND, and FAILED_PRECONDITION for one that is heard or the last of a site with members; raises
        StoreUnavailable, Conflict.
        """
        self._check_gone(agent)
        now_unix_s = self._wall_clock()

        def with_it(present: Directives) -> Directives:
            entry = ForgottenAgent(agent=agent, boot=self._last_boot(agent, present), since_unix_s=now_unix_s)
            return replace(present, forgotten=_with(present.forgotten, entry))

        directives = await self._keeper.rewrite(with_it, note)
        self._log.info("agent forgotten", agent=agent, who=note.who)
        return next(one for one in directives.forgotten if one.agent == agent)

    async def end_past(self, fence: Mapping[str, int]) -> None:
        """Forget no longer who is heard again, or was forgotten long ago, as the leader with this fence.

        Raises StoreUnavailable, Conflict: then they stay, and the next call, of whoever leads then, ends them.
        """
        past = [one for one in self._hub.directives.forgotten if self._is_past(one)]
        if not past:
            return

        def without_them(present: Directives) -> Directives:
            return replace(present, forgotten=tuple(one for one in present.forgotten if one not in past))

        names = [one.agent for one in past]
        note = Note(who=ITSELF, peer="", action="remember", what=", ".join(names))
        await self._keeper.rewrite(without_them, note, fence)
        self._log.info("agents no longer forgotten", agents=names)

    def _is_past(self, one: ForgottenAgent) -> bool:
        """Its register counts already where its boot is higher; one that was only cut off still has the same."""
        is_back = one.agent in self._hub.presence.heard() or one.agent in self._hub.facts.reports
        return is_back or self._wall_clock() - one.since_unix_s > KEEP_S

    def _check_gone(self, agent: AgentId) -> None:
        if self._hub.presence.is_settling:
            raise _too_early(
                "this coordinator has only just started and may not hear every agent yet: try again in 10 s"
            )
        if agent in self._hub.presence.heard():
            raise _too_early(f"agent {agent} is being heard: stop it, wait 3 s, then forget it")

    def _last_boot(self, agent: AgentId, present: Directives) -> int:
        """As known here; 0 for one that has never reported."""
        forgotten = forgotten_by(present)
        reports = without(self._hub.facts, forgotten).reports
        known = reports.keys() | set(self._hub.agents.all())
        if agent not in known:
            raise not_found(f"no agent '{agent}' is known{did_you_mean(agent, known)}")
        if agent not in reports:
            return forgotten.get(agent, 0)
        self._check_not_last(reports[agent], reports.values())
        return reports[agent].boot

    def _check_not_last(self, report: Report, reports: Collection[Report]) -> None:
        """A site of which nobody has ever said anything counts as never probed, so its members might serve."""
        site = report.site
        if self._has_members(site) and sum(one.site == site for one in reports) == 1:
            raise _too_early(
                f"agent {report.agent} is the last one of site {site}, and what is known of the members there is its"
                " word: start another agent there first, or take the site out of the configuration"
            )

    def _has_members(self, site: str) -> bool:
        """Whether its agents have anything to probe there."""
        publication = self._hub.publication
        assignment = publication.assignments.get(site) if publication is not None else None
        return assignment is not None and any(not target.home for target in assignment.targets)


def _with(present: tuple[ForgottenAgent, ...], entry: ForgottenAgent) -> tuple[ForgottenAgent, ...]:
    """`entry` in place of an earlier one of its agent."""
    others = sorted((one for one in present if one.agent != entry.agent), key=lambda one: -one.since_unix_s)
    return tuple(sorted((entry, *others[: MAX_FORGOTTEN - 1]), key=lambda one: one.agent))


def _too_early(text: str) -> RpcRefused:
    return RpcRefused(grpc.StatusCode.FAILED_PRECONDITION, text)
