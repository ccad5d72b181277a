"""A coordinator with a stolen certificate tells a dns server old, forged and senseless things: none is taken."""

from __future__ import annotations

import time

from chaos import plan
from chaos.liar import lies, lying, overhear
from chaos.registry import AT_ONCE, scenario
from chaos.trials import Trials
from chaos.world import World
from gslb.api.v1 import admin_pb2 as pb
from gslb.api.v1 import facts_pb2
from gslb.core.identity.names import Kind
from gslb.runtime.addresses import SocketAddress

NAME = plan.DNS[0]
PORT = 7444
REASONS = (
    "older snapshot",
    "older directives",
    "unsigned snapshot",
    "unknown key snapshot",
    "bad signature snapshot",
    "bad signature directives",
    "chunk not asked for",
    "unknown message",
)


@scenario("a server is killed, a coordinator tells lies", limits=AT_ONCE)
async def frames_forged(world: World, trials: Trials) -> None:
    true, ours = world.programs.address("a", plan.ADMIN), world.programs.security_of(Kind.DNS, plan.DNS[1])
    old = await overhear(true, plan.DNS[1], ours)
    await world.apply(world.configuration(more="# another"))
    scope = facts_pb2.Scope(kind=facts_pb2.SCOPE_KIND_MEMBER, name="eu/eu1")
    up = facts_pb2.OVERRIDE_ACTION_FORCE_UP
    await world.admins["a"].SetOverride(pb.SetOverrideRequest(scope=scope, action=up, who="chaos"), timeout=5)
    await world.admins["a"].ClearOverride(pb.ClearOverrideRequest(scope=scope, who="chaos"), timeout=5)
    await world.until_whole()
    new = await overhear(true, plan.DNS[1], ours)
    where = SocketAddress(world.network.hosts[NAME].router, PORT)
    stolen = world.programs.issue(Kind.COORDINATOR, "mallory")
    before = await world.status("a")
    async with lying(where, stolen, lies(old, new)) as liar:
        killed_s = time.monotonic()
        world.kill(NAME)
        world.more[NAME] = ("--coordinator", str(where))
        world.start(NAME)
        await world.until_whole()
        world.truth.excuse(NAME, killed_s, time.monotonic())
        await trials.kill_servers(10)
        trials.require(liar.told > 0, "nobody listened to the lies")
    refused = {reason: await world.metric(NAME, "gslb_dns_feed_refused_total", reason=reason) for reason in REASONS}
    trials.require(all(refused.values()), f"not all lies were refused and counted: {refused}")
    after = await world.status("a")
    same = before is not None and after is not None and before.order == after.order
    trials.require(same, "the order in force has changed")
