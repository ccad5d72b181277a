"""Endpoints, and pools with their members; a member written inside its pool is an endpoint `POOL/MEMBER`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gslb.config.building.monitors import inherit
from gslb.config.building.references import check_broken
from gslb.config.building.registry import Registry
from gslb.config.nodes import Node, locate, place
from gslb.config.parse import Config, Located
from gslb.config.problems import Problems
from gslb.config.schema.monitors import PoolFailback
from gslb.config.schema.sites import Endpoint as EndpointBlock
from gslb.config.schema.sites import Member as MemberBlock
from gslb.config.schema.sites import Pool as PoolBlock
from gslb.core.model import Endpoint, Failback, FailbackMode, Family, Member, Pool, Site
from gslb.core.monitors import Monitor


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """`pools` in configuration order; `endpoints` the shared ones first, then members by pool."""

    endpoints: Registry[Endpoint]
    pools: Registry[Pool]

    def families(self, pool: Pool) -> frozenset[Family]:
        """In which families the pool's members can be answered."""
        found = (self.endpoints.get(member.endpoint) for member in pool.members)
        return frozenset(family for endpoint in found if endpoint is not None for family in endpoint.families())

    def most_addresses(self, pool: Pool) -> int:
        """How many of its members' addresses one answer may have to carry."""
        found = (self.endpoints.get(member.endpoint) for member in pool.members)
        versions = Counter(address.version for one in found if one is not None for address in one.addresses)
        return max(versions.values(), default=0)


def build_servers(config: Config, sites: Registry[Site], monitors: Registry[Monitor], problems: Problems) -> Servers:
    endpoints: Registry[Endpoint] = Registry("endpoint", problems, config.broken_names("endpoints"))
    for item in config.endpoints:
        endpoint = _endpoint(item.value.name, item.value, item.node, problems)
        endpoints.add(endpoint.name, endpoint, place(item.node, "name"))
    pools: Registry[Pool] = Registry("pool", problems, config.broken_names("pools"))
    failbacks = {monitor.value.name: monitor.value.failback for monitor in config.monitors}
    builder = _PoolBuilder(config, sites, monitors, endpoints, problems, failbacks)
    for pool_item in config.pools:
        pools.add(pool_item.value.name, builder.build(pool_item), place(pool_item.node, "name"))
    check_broken(config, "pools", {"site": sites.find, "monitor": monitors.find, "members": endpoints.find})
    return Servers(endpoints=endpoints, pools=pools)


def _endpoint(name: str, block: EndpointBlock | MemberBlock, node: Node, problems: Problems) -> Endpoint:
    """An endpoint of that name; what it lacks or has too much is reported."""
    if block.address is None and block.host is None:
        problems.error(node.mark, f"`{name}` has neither `address` nor `host`: add one")
    if block.address is not None and block.host is not None:
        problems.error(place(node, "host"), f"`{name}` has an address and a host name: keep one")
    addresses = block.address.public if block.address is not None else ()
    for version in (4, 6):
        if sum(address.version == version for address in addresses) > 1:
            problems.error(
                place(node, "address"),
                f"`{name}` has several IPv{version} addresses: make each a member of its own",
            )
    if block.address is not None and not addresses:
        problems.error(place(node, "address"), f"`{name}` has an empty list of addresses: write one")
    host = block.host if block.address is None else None
    return Endpoint(name=name, addresses=addresses, host=host, probe=block.probe)


@dataclass(frozen=True, slots=True)
class _PoolBuilder:
    config: Config
    sites: Registry[Site]
    monitors: Registry[Monitor]
    endpoints: Registry[Endpoint]
    problems: Problems
    failbacks: Mapping[str, PoolFailback | None]
    """What monitors say of it."""

    def build(self, item: Located[PoolBlock]) -> Pool:
        block, node = item.value, item.node
        if block.site is not None:
            self.sites.find(block.site, place(node, "site"))
        members = self._members(block, node)
        pool = Pool(
            name=block.name,
            site=block.site,
            members=tuple(member for member, _ in members),
            monitor=self._monitor(block, node),
            min_healthy=block.min_healthy,
            failback=self._failback(block),
        )
        self._check(pool, node)
        self._check_kinds(pool, [at for _, at in members])
        return pool

    def _monitor(self, block: PoolBlock, node: Node) -> str | None:
        """The pool's own, or the default one where agents stand to use it."""
        if block.monitor is not None:
            self.monitors.find(block.monitor, place(node, "monitor"))
            if block.site is None:
                self.problems.error(
                    place(node, "monitor"), "nobody probes a pool without a site: add `site`, or remove `monitor`"
                )
            return block.monitor
        return self.config.defaults.value.monitor if block.site is not None else None

    def _failback(self, block: PoolBlock) -> Failback:
        """Key by key the pool's own, else what its monitor says, else what holds for all."""
        defaults = self.config.defaults.value
        monitors = inherit(self.failbacks.get(block.monitor or defaults.monitor or ""), defaults.failback)
        chosen = inherit(block.failback, monitors)
        mode = FailbackMode(chosen.mode)
        return Failback(mode=mode, over_ms=chosen.over if mode is FailbackMode.RAMP else 0)

    def _members(self, block: PoolBlock, node: Node) -> tuple[tuple[Member, Node], ...]:
        """Members, each with where it is written."""
        found: Registry[tuple[Member, Node]] = Registry(f"in pool `{block.name}`, member", self.problems)
        for number, member in enumerate(block.members):
            at = locate(node, ["members", number]).node
            if member.endpoint is not None:
                self._reference(member, at)
                name = endpoint = member.endpoint
            elif member.name is not None:
                name, endpoint = member.name, f"{block.name}/{member.name}"
                self._inline(endpoint, member, at)
            else:
                self.problems.error(
                    at.mark, "a member needs a `name` with `address` or `host`, or an `endpoint`: add one"
                )
                continue
            built = Member(name=name, endpoint=endpoint, weight=member.weight, standby=member.standby)
            found.add(name, (built, at), place(at, "endpoint" if member.endpoint else "name"))
        return found.values()

    def _reference(self, member: MemberBlock, node: Node) -> None:
        self.endpoints.find(member.endpoint or "", place(node, "endpoint"))
        for key in ("name", "address", "host", "probe"):
            found = locate(node, [key])
            if found.key == key:
                self.problems.error(
                    found.key_mark, f"`{key}` belongs to the endpoint: write it there, or leave `endpoint` out"
                )

    def _inline(self, name: str, member: MemberBlock, node: Node) -> None:
        """The endpoint of a member that is written in its pool; a second one of that name is reported as a member."""
        endpoint = _endpoint(name, member, node, self.problems)
        if self.endpoints.get(name) is None:
            self.endpoints.add(name, endpoint, place(node, "name"))

    def _check(self, pool: Pool, node: Node) -> None:
        discovers = locate(node, ["discover"]).key is not None
        if not pool.members and not discovers and locate(node, ["members"]).key is None:
            self.problems.error(node.mark, f"pool `{pool.name}` has no members: add `members: [...]`")
        elif not pool.members and not discovers:
            self.problems.error(place(node, "members"), f"pool `{pool.name}` has no members: write some, or remove it")
        serving = [member for member in pool.members if member.weight and not member.standby]
        if pool.members and not any(member.weight for member in pool.members):
            self.problems.warn(
                place(node, "members"),
                f"all members of pool `{pool.name}` have weight 0, so none is ever answered: weigh one",
            )
        self._check_minimum(pool, serving, node)

    def _check_kinds(self, pool: Pool, places: Sequence[Node]) -> None:
        """A pool is answered either with addresses or as host names."""
        first: bool | None = None
        for member, node in zip(pool.members, places, strict=True):
            endpoint = self.endpoints.get(member.endpoint)
            if endpoint is None or not endpoint.families():
                continue
            is_host = endpoint.host is not None
            if first is not None and is_host != first:
                self.problems.error(
                    node.mark, f"pool `{pool.name}` mixes addresses and host names: make two pools of it"
                )
            first = is_host if first is None else first

    def _check_minimum(self, pool: Pool, serving: Sequence[Member], node: Node) -> None:
        """More members are asked for than can ever serve: in all is an error, in one family probably not meant."""
        wanted = pool.min_healthy
        if wanted.percent or not serving:
            return
        mark = place(node, "min_healthy")
        if wanted.value > len(serving):
            self.problems.error(
                mark,
                f"pool `{pool.name}` can never be healthy: it wants {wanted.value} members, and {len(serving)} with "
                "weight that are not standby are there: lower `min_healthy`",
            )
            return
        endpoints = [self.endpoints.get(member.endpoint) for member in serving]
        for family in (Family.A, Family.AAAA):
            count = sum(endpoint is not None and family in endpoint.families() for endpoint in endpoints)
            if 0 < count < wanted.value:
                self.problems.warn(
                    mark,
                    f"pool `{pool.name}` can never be healthy for {family}: it wants {wanted.value} members, and "
                    f"{count} can answer it: lower `min_healthy`, or write it in percent",
                )
