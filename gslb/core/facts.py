"""Facts: one register per agent, one writer each; merging keeps, agent by agent, the newer register.

The merge is commutative, associative and idempotent, so the way a report took does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import blake2b
from typing import NewType

AgentId = NewType("AgentId", str)
"""`SITE/NAME`."""


class Verdict(IntEnum):
    UNKNOWN = 0
    UP = 1
    DOWN = 2
    RECOVERING = 3


class Cause(IntEnum):
    """How the last probe that counted ended. TIMEOUT may be the observer's own fault, the others are evidence."""

    NONE = 0
    OK = 1
    REFUSED = 2
    RESET = 3
    TIMEOUT = 4
    UNREACHABLE = 5
    TLS = 6
    STATUS = 7
    BODY = 8
    PROTOCOL = 9
    NAME = 10
    DENIED = 11
    OTHER = 12


@dataclass(frozen=True, slots=True, order=True)
class State:
    """One target in a report; on the wire one octet, `cause << 2 | verdict`."""

    verdict: Verdict
    cause: Cause

    @property
    def octet(self) -> int:
        return self.cause << 2 | self.verdict

    @classmethod
    def from_octet(cls, octet: int) -> State:
        """Unknown causes of a newer agent read as OTHER."""
        cause = octet >> 2
        return cls(Verdict(octet & 3), Cause(cause) if cause in Cause._value2member_map_ else Cause.OTHER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """An agent's whole register.

    `boot` is a persisted counter, `sequence` rises by one a report and starts at 1. `layout` names the Layout whose
    targets `states` follow, one octet each. `sick`: the agent doubts itself, so its time-outs count as unknown.
    """

    agent: AgentId
    boot: int
    sequence: int
    layout: bytes
    states: bytes
    sick: bool = False
    lag_ms: int = 0

    @property
    def site(self) -> str:
        return self.agent.partition("/")[0]

    @property
    def content(self) -> tuple[int, bytes, bool, bytes]:
        """What decisions depend on. Sequences rise every second without news, and lag is for people."""
        return (self.boot, self.layout, self.sick, self.states)

    def newer_than(self, other: Report) -> bool:
        """Total order on registers of one agent; content only decides between two writers with one boot number."""
        mine = (self.boot, self.sequence, self.layout, self.states, self.sick, self.lag_ms)
        return mine > (other.boot, other.sequence, other.layout, other.states, other.sick, other.lag_ms)


@dataclass(frozen=True, slots=True)
class Facts:
    reports: Mapping[AgentId, Report] = field(default_factory=dict)


NO_FACTS = Facts()


def merge(facts: Facts, report: Report) -> Facts:
    """`facts` with `report` in it, or `facts` itself when that agent's register is not newer."""
    known = facts.reports.get(report.agent)
    if known is not None and not report.newer_than(known):
        return facts
    return Facts({**facts.reports, report.agent: report})


def merge_all(facts: Facts, other: Facts) -> Facts:
    """Both views in one."""
    for report in other.reports.values():
        facts = merge(facts, report)
    return facts


def digest(facts: Facts) -> bytes:
    """16 octets over the content of all registers; a difference is answered with all of them."""
    total = blake2b(digest_size=16)
    for agent, report in sorted(facts.reports.items()):
        head = f"{agent}\t{report.boot}\t{report.layout.hex()}\t{report.sick:d}\t{len(report.states)}\n"
        total.update(head.encode() + report.states)
    return total.digest()
