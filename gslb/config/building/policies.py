"""Policies: the named chains, and those that services bring along."""

from __future__ import annotations

from dataclasses import dataclass, field

from gslb.config.building.registry import Registry
from gslb.config.building.steering import WEIGHTED, Comparisons, Stages, build_chain, named_slots, slots_in_place
from gslb.config.nodes import Node, locate, place
from gslb.config.parse import Config
from gslb.config.problems import Problems, did_you_mean
from gslb.config.schema.steering import Steering
from gslb.core.model import Policy

DEFAULT_POLICY = "(weighted)"
"""The chain of services that name none; no user's policy can have this name."""


@dataclass(slots=True)
class Policies:
    registry: Registry[Policy]
    comparisons: Comparisons
    problems: Problems
    _brought: dict[Stages, Policy] = field(default_factory=dict)

    def own(self, name: str, blocks: Steering, node: Node, slots: frozenset[str]) -> Policy:
        """The policy that a service with `slots` brings along. A slot that it does not bind is a slip.

        Services that bring equal chains share the first one's policy, and so its class map, which costs far more.
        """
        for slot, at in slots_in_place(blocks, node):
            if slot not in slots:
                self.problems.error(at.mark, f"this service binds no slot `{slot}`{did_you_mean(slot, slots)}")
        stages = build_chain(blocks, node, self.comparisons, self.problems)
        if stages not in self._brought:
            self._brought[stages] = self._add(name, stages, node)
        return self._brought[stages]

    def default(self, node: Node) -> Policy:
        """By weight; one policy for all services that name none."""
        return self.registry.get(DEFAULT_POLICY) or self._add(DEFAULT_POLICY, WEIGHTED, node)

    def named(self, name: str, node: Node) -> Policy | None:
        return self.registry.find(name, node.mark)

    def _add(self, name: str, stages: Stages, node: Node) -> Policy:
        policy = _policy(name, stages)
        self.registry.add(name, policy, node.mark)
        return policy


def build_policies(config: Config, problems: Problems) -> Policies:
    registry: Registry[Policy] = Registry("policy", problems, config.broken_names("policies"))
    comparisons = Comparisons()
    for item in config.policies:
        stages = build_chain(item.value.steering, locate(item.node, ["steering"]).node, comparisons, problems)
        registry.add(item.value.name, _policy(item.value.name, stages), place(item.node, "name"))
    return Policies(registry, comparisons, problems)


def _policy(name: str, stages: Stages) -> Policy:
    return Policy(name=name, slots=tuple(sorted(named_slots(stages))), stages=stages)
