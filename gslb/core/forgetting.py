"""Agents that were taken out of service: what they said last counts no more, whoever still tells it.

Directives name each with a boot number. Whoever keeps facts drops the registers up to that boot and takes none of them
any more, so no decision sees them, and one that comes round by way of a node that has yet to hear of it finds no place.
An agent that starts again has a higher boot and counts at once. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

from gslb.core.directives import Directives
from gslb.core.facts import AgentId, Facts, Report

Forgotten = Mapping[AgentId, int]
"""The last boot of each that does not count."""

NOBODY: Forgotten = {}


def forgotten_by(directives: Directives) -> Forgotten:
    return {one.agent: one.boot for one in directives.forgotten}


def is_forgotten(report: Report, forgotten: Forgotten) -> bool:
    boot = forgotten.get(report.agent)
    return boot is not None and report.boot <= boot


def without(facts: Facts, forgotten: Forgotten) -> Facts:
    """`facts` but for registers that do not count; `facts` itself where there are none."""
    kept = {agent: report for agent, report in facts.reports.items() if not is_forgotten(report, forgotten)}
    return Facts(kept) if len(kept) < len(facts.reports) else facts
