"""What the coordinator knows about agents besides their registers: when they were heard, and the evidence they give."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gslb.coordinator.relay.evidence import Evidence, Sheet, Witness
from gslb.core.facts import AgentId

BEAT_S = 1.0
SILENT_AFTER_S = 3 * BEAT_S
"""Three missed beats."""
STALL_S = 2 * BEAT_S
"""Without a beat of our own for so long, it was this coordinator that did not listen."""
MAX_AGENTS_PER_SITE = 64


@dataclass(slots=True)
class _Agent:
    """`is_direct`: it has spoken to this coordinator; else `heard_s` is when another one told of it first."""

    heard_s: float
    is_direct: bool = True
    version: str = ""
    witness: Witness | None = None


class Agents:
    """Grows by `hello` and `learn` only, to at most MAX_AGENTS_PER_SITE a site. `clock` is monotonic.

    Nobody ages while this coordinator is stopped or too busy to listen: that would make everyone silent at once.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._beat_s: float | None = None
        self._agents: dict[AgentId, _Agent] = {}

    def beat(self) -> None:
        """This coordinator listens; to be called every BEAT_S."""
        self._beat_s = self._now_s()

    def _now_s(self) -> float:
        now_s = self._clock()
        if self._beat_s is not None and now_s - self._beat_s > STALL_S:
            for agent in self._agents.values():
                agent.heard_s = min(now_s, agent.heard_s + now_s - self._beat_s)
            self._beat_s = now_s
        return now_s

    def hello(self, agent: AgentId, version: str) -> bool:
        """Take notice of an agent; where its site is full in place of the longest silent one, else False."""
        if agent not in self._agents and not self._make_room(agent):
            return False
        known = self._agents.setdefault(agent, _Agent(heard_s=self._now_s()))
        known.version = version
        known.is_direct = True
        return True

    def learn(self, agent: AgentId) -> bool:
        """Take notice of an agent that another coordinator tells of; False where its site is full.

        Nobody makes room for it: two coordinators would bring back to each other what either has forgotten.
        """
        if agent not in self._agents:
            if len(self._present(agent)) >= MAX_AGENTS_PER_SITE:
                return False
            self._agents[agent] = _Agent(heard_s=self._now_s(), is_direct=False)
        return True

    def _present(self, beside: AgentId) -> list[AgentId]:
        """All agents of its site."""
        site = beside.partition("/")[0]
        return [agent for agent in self._agents if agent.partition("/")[0] == site]

    def _make_room(self, newcomer: AgentId) -> bool:
        present = self._present(newcomer)
        if len(present) < MAX_AGENTS_PER_SITE:
            return True
        oldest = max(present, key=self.age_s)
        if not self.is_silent(oldest):
            return False
        del self._agents[oldest]
        return True

    def heard(self, agent: AgentId) -> bool:
        """Note a sign of life; False for one that is not known: forgotten, or its site has left the configuration."""
        known = self._agents.get(agent)
        if known is not None:
            known.heard_s, known.is_direct = self._now_s(), True
        return known is not None

    def age_s(self, agent: AgentId) -> float:
        """Since it was last heard, or first told of by others; endless for an unknown one."""
        known = self._agents.get(agent)
        return self._now_s() - known.heard_s if known else float("inf")

    def is_silent(self, agent: AgentId) -> bool:
        """Whether this coordinator does not hear it."""
        known = self._agents.get(agent)
        return known is None or not known.is_direct or self.age_s(agent) > SILENT_AFTER_S

    def version(self, agent: AgentId) -> str:
        known = self._agents.get(agent)
        return known.version if known else ""

    def all(self) -> tuple[AgentId, ...]:
        return tuple(sorted(self._agents))

    def forget(self, agents: Iterable[AgentId]) -> None:
        """Those that this coordinator does not hear."""
        for agent in agents:
            if self.is_silent(agent):
                self._agents.pop(agent, None)

    def keep_sites(self, sites: Iterable[str]) -> None:
        """Forget agents of sites that are no more."""
        known = set(sites)
        self._agents = {name: agent for name, agent in self._agents.items() if name.partition("/")[0] in known}

    def witness(self, agent: AgentId, layout: bytes, targets: int, sheet: Sheet) -> int:
        """Keep evidence about the `targets` of `layout`; how many rows were about none of them."""
        known = self._agents.get(agent)
        if known is None:
            return 0
        if known.witness is None or known.witness.layout != layout:
            known.witness = Witness(layout, targets)
        return known.witness.take(sheet)

    def evidence(self, agent: AgentId, layout: bytes, target: int) -> Evidence | None:
        """What stands behind that state of the agent's register, if it said so."""
        known = self._agents.get(agent)
        if known is None or known.witness is None or known.witness.layout != layout:
            return None
        return known.witness.of(target)
