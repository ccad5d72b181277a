"""A server's process is killed: its kernel closes its connections and refuses new ones."""

from __future__ import annotations

from chaos.registry import AT_ONCE, scenario
from chaos.trials import Trials
from chaos.world import World


@scenario("a server is killed", limits=AT_ONCE)
async def server_killed(world: World, trials: Trials) -> None:
    await trials.kill_servers(40)
