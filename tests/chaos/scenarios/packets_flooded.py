"""A stranger floods both dns servers with garbage, changed queries, made-up names and idle TCP connections."""

from __future__ import annotations

from chaos import plan
from chaos.registry import AT_ONCE, scenario
from chaos.trials import Trials
from chaos.world import World

SECONDS, PACKETS_PER_S = 15, 6_000
COUNTED = (
    "gslb_dns_dropped_packets_total",
    "gslb_dns_malformed_queries_total",
    "gslb_dns_limited_answers_total",
    "gslb_dns_tcp_closed_connections_total",
)


@scenario("a server is killed, dns servers are flooded", limits=AT_ONCE)
async def packets_flooded(world: World, trials: Trials) -> None:
    addresses = [world.network.hosts[name].address for name in plan.DNS]
    before = [await world.metric(name, "gslb_dns_queries_total") for name in plan.DNS]
    flood = (str(SECONDS), str(PACKETS_PER_S), *addresses)
    await world.start_helper("chaos.flood", *flood, host=plan.STRANGER)
    await trials.kill_servers(12)
    for name, asked in zip(plan.DNS, before, strict=True):
        more = await world.metric(name, "gslb_dns_queries_total") - asked
        trials.require(more > PACKETS_PER_S, f"{name} was asked {more:.0f} times: that was no flood")
        for metric in COUNTED:
            trials.require(await world.metric(name, metric) > 0, f"{name} has counted none as {metric}")
