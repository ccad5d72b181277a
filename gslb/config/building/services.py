"""Services: bindings, policy, what is answered when nothing serves; one in each of its zone's names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NamedTuple

from gslb.config.building.policies import Policies
from gslb.config.building.pools import Servers
from gslb.config.building.references import check_broken
from gslb.config.building.registry import Registry
from gslb.config.building.steering import excluding
from gslb.config.building.zones import Draft, Drafts
from gslb.config.limits import MAX_RRSET_BYTES, RECORD_BYTES
from gslb.config.nodes import Node, locate, place
from gslb.config.parse import Config, Located
from gslb.config.problems import Mark, Problems, nearest
from gslb.config.schema.services import AllDown as AllDownBlock
from gslb.config.schema.services import Service as ServiceBlock
from gslb.core.errors import InvalidName
from gslb.core.model import AllDown, AllDownKind, Family, Policy, Service
from gslb.core.monitors import Monitor
from gslb.core.names import Name
from gslb.core.steering.stages.round_robin import RoundRobin

MAX_ADDRESSES = MAX_RRSET_BYTES // (RECORD_BYTES + 16)
"""In one answer; as many as fit of the longer kind."""


class Bound(NamedTuple):
    """One binding and its places."""

    slot: str
    pool: str
    mark: Mark
    slot_mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceBuilder:
    config: Config
    zones: Drafts
    monitors: Registry[Monitor]
    servers: Servers
    policies: Policies
    problems: Problems

    def build(self) -> Registry[Service]:
        found: Registry[Service] = Registry("service", self.problems)
        for item in self.config.services:
            mark = place(item.node, "name")
            for service in self._services(item):
                found.add(str(service.name), service, mark)
        references = {
            "name": self._zone_of_text,
            "pools": self.servers.pools.find,
            "policy": self.policies.registry.find,
            "monitor": self.monitors.find,
        }
        check_broken(self.config, "services", references)
        return found

    def _zone_of_text(self, text: str, mark: Mark) -> None:
        """For a service that could not be read; a name that is none has been reported."""
        with suppress(InvalidName):
            self._zone(Name.from_text(text), mark)

    def _services(self, item: Located[ServiceBlock]) -> Iterator[Service]:
        """The service in each name of its zone; nothing where that is unknown."""
        block, node = item.value, item.node
        draft = self._zone(block.name, place(node, "name"))
        bound = tuple(_bound(block, node))
        self._check_bound(bound)
        policy = self._policy(block, node, bound)
        if policy is not None:
            self._check_reach(policy, bound)
        if block.monitor is not None:
            self.monitors.find(block.monitor, place(node, "monitor"))
        all_down = self._all_down(block, node)
        is_host = self._check_families(item, bound, all_down, draft)
        self._check_sizes(item, bound, all_down)
        if draft is None or policy is None:
            return
        service = Service(
            name=block.name,
            zone=draft.apex,
            policy=policy.name,
            bindings=tuple((binding.slot, binding.pool) for binding in bound),
            monitor=block.monitor,
            ttl_s=block.ttl if block.ttl is not None else self.config.defaults.value.ttl,
            answers=1 if is_host else self._answers(block),
            by_query=block.by == "query" or any(isinstance(stage, RoundRobin) for stage in policy.stages),
            all_down=all_down,
        )
        for apex in draft.aliases:
            try:
                yield replace(service, name=_moved(block.name, draft.apex, apex), zone=apex)
            except InvalidName as error:
                self.problems.error(place(node, "name"), f"it does not fit into the zone `{apex}`: {error}")

    def _answers(self, block: ServiceBlock) -> int:
        return block.answers if block.answers is not None else self.config.defaults.value.answers

    def _zone(self, name: Name, mark: Mark) -> Draft | None:
        draft = self.zones.find(name)
        if draft is None and not self.zones.broken:
            self.problems.error(mark, f"`{name}` is in none of the zones{_meant(name, list(self.zones.drafts))}")
        return draft

    def _check_bound(self, bound: tuple[Bound, ...]) -> None:
        first: dict[str, Mark] = {}
        for binding in bound:
            self.servers.pools.find(binding.pool, binding.mark)
            if binding.pool in first:
                at = first[binding.pool]
                self.problems.error(binding.mark, f"pool `{binding.pool}` is bound twice, first at {at}: keep one")
            first.setdefault(binding.pool, binding.mark)

    def _policy(self, block: ServiceBlock, node: Node, bound: tuple[Bound, ...]) -> Policy | None:
        if not bound:
            self.problems.error(place(node, "pools"), f"service `{block.name}` has no pools: name some")
        if block.policy is not None and block.steering is not None:
            at = locate(node, ["steering"]).key_mark
            self.problems.error(at, "`policy` and `steering` exclude each other: keep one")
        if block.policy is not None:
            return self.policies.named(block.policy, locate(node, ["policy"]).node)
        if block.steering is not None:
            slots = frozenset(binding.slot for binding in bound)
            return self.policies.own(str(block.name), block.steering, locate(node, ["steering"]).node, slots)
        return self.policies.default(node)

    def _check_reach(self, policy: Policy, bound: tuple[Bound, ...]) -> None:
        taken = {binding.slot for binding in bound}
        for binding in bound:
            stage = excluding(policy.stages, binding.slot)
            near = nearest(binding.slot, set(policy.slots) - taken)
            if stage is not None:
                advice = f"did you mean `{near}`?" if near is not None else "add it there, or bind another slot"
                self.problems.error(
                    binding.slot_mark,
                    f"unreachable pool `{binding.pool}`: `{stage}` of policy `{policy.name}` never gives slot "
                    f"`{binding.slot}`: {advice}",
                )
            elif near is not None and binding.slot not in policy.slots:
                self.problems.warn(
                    binding.slot_mark,
                    f"policy `{policy.name}` does not name slot `{binding.slot}`: did you mean `{near}`?",
                )

    def _all_down(self, block: ServiceBlock, node: Node) -> AllDown:
        if block.all_down is not None:
            return self._build_all_down(block.all_down, locate(node, ["all_down"]).node)
        defaults = self.config.defaults
        return self._build_all_down(defaults.value.all_down, locate(defaults.node, ["all_down"]).node)

    def _build_all_down(self, block: AllDownBlock, node: Node) -> AllDown:
        if block.word is not None:
            return AllDown(kind=block.word)
        if (block.pool is None) == (not block.addresses):
            self.problems.error(node.mark, "`all_down` needs either `pool` or `addresses`: write one of them")
        if block.pool is None:
            return AllDown(kind=AllDownKind.ADDRESSES, addresses=block.addresses)
        self.servers.pools.find(block.pool, place(node, "pool"))
        return AllDown(kind=AllDownKind.POOL, pool=block.pool)

    def _check_families(
        self, item: Located[ServiceBlock], bound: tuple[Bound, ...], all_down: AllDown, draft: Draft | None
    ) -> bool:
        """Whether members are host names; addresses and host names never mix in one service."""
        block, node = item.value, item.node
        families = {binding: self._families(binding.pool) for binding in bound}
        hosts = [binding for binding, found in families.items() if Family.CNAME in found]
        if not hosts:
            self._check_fallback(block, node, all_down, hosts=False)
            return False
        others = next((binding for binding, found in families.items() if found and Family.CNAME not in found), None)
        if others is not None:
            self.problems.error(
                hosts[0].mark,
                f"service `{block.name}` mixes host names (`{hosts[0].pool}`) and addresses (`{others.pool}`): "
                "a name is either a CNAME or has addresses, make two services of it",
            )
        if draft is not None and block.name in draft.aliases:
            self.problems.error(
                place(node, "name"),
                f"`{block.name}` is a zone's own name, where no CNAME may stand: use members with addresses",
            )
        if block.answers not in (None, 1):
            self.problems.error(place(node, "answers"), "host names are answered one at a time: write 1, or remove it")
        self._check_fallback(block, node, all_down, hosts=True)
        return True

    def _check_sizes(self, item: Located[ServiceBlock], bound: tuple[Bound, ...], all_down: AllDown) -> None:
        """An RRset is answered as a whole or not at all, so it must fit into a message."""
        block, node = item.value, item.node
        at = place(node, "all_down") if block.all_down is not None else place(node, "name")
        if len(all_down.addresses) > MAX_ADDRESSES:
            count = len(all_down.addresses)
            self.problems.error(at, f"`all_down`: {count} addresses do not fit into a DNS message: remove some")
        if self._answers(block) != 0:
            return
        answered = {binding.pool: binding.mark for binding in bound}
        if all_down.pool is not None:
            answered.setdefault(all_down.pool, at)
        for name, mark in answered.items():
            pool = self.servers.pools.get(name)
            if pool is not None and len(pool.members) > MAX_ADDRESSES < self.servers.most_addresses(pool):
                self.problems.error(
                    mark,
                    f"all {len(pool.members)} members of pool `{name}` do not fit into a DNS message: "
                    "write `answers: 64`, or make smaller pools",
                )

    def _check_fallback(self, block: ServiceBlock, node: Node, all_down: AllDown, *, hosts: bool) -> None:
        mark = place(node, "all_down") if block.all_down is not None else place(node, "name")
        found = self._families(all_down.pool) if all_down.pool is not None else frozenset()
        if found and (Family.CNAME in found) != hosts:
            kinds = ("host names", "addresses") if hosts else ("addresses", "host names")
            self.problems.error(
                mark,
                f"`all_down`: pool `{all_down.pool}` has {kinds[1]}, but the service answers {kinds[0]}: use another",
            )
        if hosts and all_down.addresses:
            self.problems.error(mark, "`all_down` has addresses, but the service answers host names: use a pool")

    def _families(self, pool_name: str) -> frozenset[Family]:
        pool = self.servers.pools.get(pool_name)
        return self.servers.families(pool) if pool is not None else frozenset()


def _bound(block: ServiceBlock, node: Node) -> Iterator[Bound]:
    for number, binding in enumerate(block.pools):
        found = locate(node, ["pools", number])
        slot_mark = found.key_mark if found.key == binding.slot else found.node.mark
        yield Bound(binding.slot, binding.pool, found.node.mark, slot_mark)


def _moved(name: Name, old: Name, new: Name) -> Name:
    """`name` below another apex."""
    return Name.from_labels((*name.labels[: len(name.labels) - len(old.labels)], *new.labels))


def _meant(name: Name, apexes: list[Name]) -> str:
    """What a name outside all zones may have meant: a misspelt zone, else a name without its zone."""
    for apex in apexes:
        depth = len(apex.labels)
        tail = str(Name.from_labels(name.labels[-depth:])) if len(name.labels) >= depth else ""
        if nearest(tail, [str(apex)], likeness=0.8):
            return f": did you mean `{Name.from_labels((*name.labels[:-depth], *apex.labels))}`?"
    return f": write {name}.{apexes[0]}, or add the zone" if apexes else ": add the zone to `zones`"
