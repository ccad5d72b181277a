"""A server's process is killed: its kernel closes its connections and refuses new ones."""

from __future__ import annotations

from chaos.registry import scenario
from chaos.trials import Limits, Trials
from chaos.world import World


@scenario("a server is killed", limits=Limits(median_s=0.1, p99_s=0.5))
async def server_killed(world: World, trials: Trials) -> None:
    await trials.kill_servers(40)
